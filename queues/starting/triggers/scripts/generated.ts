// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

export const CLAIM_EVENT = `local found = redis.call('HMGET', KEYS[1], 'claimedBy', 'claimed', 'latest')
if found[1] == ARGV[1] then return found[2] end
if not found[3] then return nil end
redis.call('HSET', KEYS[1], 'claimedBy', ARGV[1], 'claimed', found[3])
redis.call('HDEL', KEYS[1], 'latest')
return found[3]
`;

export const NOTE_TRIGGER = `if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HGET', KEYS[2], 'lastEvent') == ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'lastEvent', ARGV[2], 'last', ARGV[4])
redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
return 1
`;

export const PUT_TRIGGER = `return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
`;

export const REMOVE_TRIGGER = `redis.call('DEL', KEYS[2])
return redis.call('HDEL', KEYS[1], ARGV[1])
`;

// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

export const CLAIM_EVENT = `local trigger, job = KEYS[1], ARGV[1]
local claimedBy, claimed, latest = unpack(redis.call('HMGET', trigger, 'claimedBy', 'claimed', 'latest'))
if claimedBy == job then return claimed end
if not latest then return nil end
redis.call('HSET', trigger, 'claimedBy', job, 'claimed', latest)
redis.call('HDEL', trigger, 'latest')
return latest
`;

export const NOTE_TRIGGER = `local all, trigger = KEYS[1], KEYS[2]
local id, event, counter, what = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HEXISTS', all, id) == 0 then return 0 end
if redis.call('HGET', trigger, 'lastEvent') == event then return 0 end
redis.call('HSET', trigger, 'lastEvent', event, 'last', what)
redis.call('HINCRBY', trigger, counter, 1)
return 1
`;

export const PUT_TRIGGER = `local all, id, spec = KEYS[1], ARGV[1], ARGV[2]
return redis.call('HSET', all, id, spec)
`;

export const REMOVE_TRIGGER = `local all, trigger, id = KEYS[1], KEYS[2], ARGV[1]
redis.call('DEL', trigger)
return redis.call('HDEL', all, id)
`;

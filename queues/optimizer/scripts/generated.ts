// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

export const APPEND_SAMPLE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
redis.call('SET', KEYS[2], ARGV[2])
if ARGV[4] ~= '' then redis.call('XTRIM', KEYS[4], 'MINID', ARGV[4]) redis.call('XDEL', KEYS[4], ARGV[4]) end
if ARGV[3] == '' then return '' end
local id = redis.call('XADD', KEYS[3], '*', 's', ARGV[3])
if redis.call('XLEN', KEYS[3]) > 1000 then redis.call('XTRIM', KEYS[3], 'MAXLEN', 500) end
return id
`;

export const KEEP_OPTIMIZER = `local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return 0 end
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'state', ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3]) end
for i = 4, #ARGV do redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'e', ARGV[i]) end
return 1
`;

export const LEAD = `local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('GET', KEYS[2]) or ''
`;

// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

export const APPEND_SAMPLE = `local leader, remembered, samples, readings = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local process, toRemember, sample, lastReading = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('GET', leader) ~= process then return false end
redis.call('SET', remembered, toRemember)
if lastReading ~= '' then redis.call('XTRIM', readings, 'MINID', lastReading) redis.call('XDEL', readings, lastReading) end
if sample == '' then return '' end
local id = redis.call('XADD', samples, '*', 's', sample)
if redis.call('XLEN', samples) > 1000 then redis.call('XTRIM', samples, 'MAXLEN', 500) end
return id
`;

export const KEEP_OPTIMIZER = `local optimizer, latest, audit = KEYS[1], KEYS[2], KEYS[3]
local versionRead, state, report = ARGV[1], ARGV[2], ARGV[3]
local version = redis.call('HGET', optimizer, 'version') or '0'
if version ~= versionRead then return 0 end
redis.call('HINCRBY', optimizer, 'version', 1)
redis.call('HSET', optimizer, 'state', state)
if report ~= '' then redis.call('SET', latest, report) end
for i = 4, #ARGV do redis.call('XADD', audit, 'MAXLEN', '~', 10000, '*', 'e', ARGV[i]) end
return 1
`;

export const LEAD = `local leader, remembered, process, forMs = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local holder = redis.call('GET', leader)
if holder and holder ~= process then return false end
redis.call('SET', leader, process, 'PX', forMs)
return redis.call('GET', remembered) or ''
`;

-- Stores what the optimizer remembers. A pass that was overtaken writes nothing: of two that read the same version,
-- only the first one's conclusions stand. KEYS: the state, the report, the audit. ARGV: the version that was read, the
-- state, the report or '', events ... Returns 1, or 0 if nothing was written.
--- @constant AUDIT_MAX

local optimizer, latest, audit = KEYS[1], KEYS[2], KEYS[3]
local versionRead, state, report = ARGV[1], ARGV[2], ARGV[3]
local version = redis.call('HGET', optimizer, 'version') or '0'
if version ~= versionRead then return 0 end
redis.call('HINCRBY', optimizer, 'version', 1)
redis.call('HSET', optimizer, 'state', state)
if report ~= '' then redis.call('SET', latest, report) end
for i = 4, #ARGV do redis.call('XADD', audit, 'MAXLEN', '~', AUDIT_MAX, '*', 'e', ARGV[i]) end
return 1

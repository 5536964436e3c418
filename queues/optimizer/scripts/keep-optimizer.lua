-- What the optimizer remembers. A pass that was overtaken by another one writes nothing: of two that read the
-- same only the first one's conclusions stand. KEYS: the state, the report, the audit. ARGV: the version that
-- was read, the state, the report or '', events ... Returns 1, or 0 when nothing was written.
--- @constant AUDIT_MAX

local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return 0 end
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'state', ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3]) end
for i = 4, #ARGV do redis.call('XADD', KEYS[3], 'MAXLEN', '~', AUDIT_MAX, '*', 'e', ARGV[i]) end
return 1

-- Writes a sample. KEYS: who leads, what is remembered, samples, readings. ARGV: who writes, what to remember,
-- the sample or '', the last reading that is in it or ''. Returns the sample's id, '' without one; false when
-- another one leads meanwhile: then nothing is written.
--- @constant SAMPLES_MAX
--- @constant SAMPLES_TRIMMED

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
redis.call('SET', KEYS[2], ARGV[2])
if ARGV[4] ~= '' then redis.call('XTRIM', KEYS[4], 'MINID', ARGV[4]) redis.call('XDEL', KEYS[4], ARGV[4]) end
if ARGV[3] == '' then return '' end
local id = redis.call('XADD', KEYS[3], '*', 's', ARGV[3])
if redis.call('XLEN', KEYS[3]) > SAMPLES_MAX then redis.call('XTRIM', KEYS[3], 'MAXLEN', SAMPLES_TRIMMED) end
return id

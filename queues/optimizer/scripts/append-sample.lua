-- Writes a sample. KEYS: who leads, what is remembered, samples, readings. ARGV: who writes, what to remember, the
-- sample or '', the last reading in it or ''. Returns the sample's id, '' without one; false if another one leads
-- meanwhile and nothing was written.
--- @constant SAMPLES_MAX
--- @constant SAMPLES_TRIMMED

local leader, remembered, samples, readings = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local process, toRemember, sample, lastReading = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('GET', leader) ~= process then return false end
redis.call('SET', remembered, toRemember)
if lastReading ~= '' then redis.call('XTRIM', readings, 'MINID', lastReading) redis.call('XDEL', readings, lastReading) end
if sample == '' then return '' end
local id = redis.call('XADD', samples, '*', 's', sample)
if redis.call('XLEN', samples) > SAMPLES_MAX then redis.call('XTRIM', samples, 'MAXLEN', SAMPLES_TRIMMED) end
return id

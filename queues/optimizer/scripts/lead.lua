-- Takes the lead, or keeps it: one process of a deployment samples. KEYS: who leads, what was remembered.
-- ARGV: who asks, for how long (ms). Returns what was remembered, '' when that is nothing; false when
-- another one leads.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('GET', KEYS[2]) or ''

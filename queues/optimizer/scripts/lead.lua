-- Takes or keeps the lead: one process of a deployment samples. KEYS: who leads, what was remembered. ARGV: who asks,
-- for how long (ms). Returns what was remembered, '' if nothing; false if another one leads.

local leader, remembered, process, forMs = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local holder = redis.call('GET', leader)
if holder and holder ~= process then return false end
redis.call('SET', leader, process, 'PX', forMs)
return redis.call('GET', remembered) or ''

-- Takes the latest event of a debounced trigger for a job. The same job gets the same event when it asks again, so that
-- a restart neither loses it nor takes the next one.
--
-- KEYS: trigger. ARGV: job id. Returns the event's JSON, or nil if another job took it.

local trigger, job = KEYS[1], ARGV[1]
local claimedBy, claimed, latest = unpack(redis.call('HMGET', trigger, 'claimedBy', 'claimed', 'latest'))
if claimedBy == job then return claimed end
if not latest then return nil end
redis.call('HSET', trigger, 'claimedBy', job, 'claimed', latest)
redis.call('HDEL', trigger, 'latest')
return latest

-- Takes the latest event of a debounced trigger for a job. The same job asked again gets the same event,
-- so that a restart neither loses it nor takes the next one.
--
-- KEYS: trigger. ARGV: job id. Returns the event's JSON, or nil when another job took it.

local found = redis.call('HMGET', KEYS[1], 'claimedBy', 'claimed', 'latest')
if found[1] == ARGV[1] then return found[2] end
if not found[3] then return nil end
redis.call('HSET', KEYS[1], 'claimedBy', ARGV[1], 'claimed', found[3])
redis.call('HDEL', KEYS[1], 'latest')
return found[3]

-- Removes a trigger and what was noted of it. KEYS: triggers, trigger. ARGV: id. Returns 0 when there is none.

redis.call('DEL', KEYS[2])
return redis.call('HDEL', KEYS[1], ARGV[1])

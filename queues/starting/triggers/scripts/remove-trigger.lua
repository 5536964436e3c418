-- Removes a trigger and what was noted of it. KEYS: triggers, trigger. ARGV: id. Returns 0 when there is none.

local all, trigger, id = KEYS[1], KEYS[2], ARGV[1]
redis.call('DEL', trigger)
return redis.call('HDEL', all, id)

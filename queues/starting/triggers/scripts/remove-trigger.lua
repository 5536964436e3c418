-- Removes a trigger and its notes. KEYS: triggers, trigger. ARGV: id. Returns 0 if there is none.

local all, trigger, id = KEYS[1], KEYS[2], ARGV[1]
redis.call('DEL', trigger)
return redis.call('HDEL', all, id)

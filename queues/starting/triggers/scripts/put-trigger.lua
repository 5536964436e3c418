-- Stores a trigger. KEYS: triggers. ARGV: id, JSON. Returns 1 if it is new.

local all, id, spec = KEYS[1], ARGV[1], ARGV[2]
return redis.call('HSET', all, id, spec)

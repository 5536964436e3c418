-- Writes a trigger. KEYS: triggers. ARGV: id, JSON. Returns 1 when it is new.

return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])

-- The canceller has looked at every step. KEYS: record. Returns how many steps still run.

return redis.call('HINCRBY', KEYS[1], 'left', -1)

-- The canceller has looked at every step. KEYS: record. Returns how many steps still run.

local record = KEYS[1]
return redis.call('HINCRBY', record, 'left', -1)

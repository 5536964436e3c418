-- Keeps a result. KEYS: all results by when they go, this one. ARGV: the result as JSON, how long it is
-- kept (ms), how many are kept.
--- @include "../../connection/scripts/parts/clock"

local now = clock()
local stamp = digits(now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', stamp)
redis.call('SET', KEYS[2], stamp .. '|' .. ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[1], digits(now + tonumber(ARGV[2])), KEYS[2])
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
local gone = over > 0 and redis.call('ZPOPMIN', KEYS[1], over) or {}
for i = 1, #gone, 2 do redis.call('UNLINK', gone[i]) end
return over

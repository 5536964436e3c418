-- Stores a result. KEYS: all results by when they expire, this one. ARGV: the result as JSON, how long it is kept (ms),
-- how many are kept.
--- @include "../../connection/scripts/parts/clock"

local all, key = KEYS[1], KEYS[2]
local json, keepMs, most = ARGV[1], ARGV[2], ARGV[3]
local now = clock()
local stamp = digits(now)
redis.call('ZREMRANGEBYSCORE', all, '-inf', stamp)
redis.call('SET', key, stamp .. '|' .. json, 'PX', keepMs)
redis.call('ZADD', all, digits(now + tonumber(keepMs)), key)
local over = redis.call('ZCARD', all) - tonumber(most)
local gone = over > 0 and redis.call('ZPOPMIN', all, over) or {}
for i = 1, #gone, 2 do redis.call('UNLINK', gone[i]) end
return over

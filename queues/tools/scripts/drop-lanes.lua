-- Drops lanes that nobody has used for a time and that have nothing to do. One that has counts as used.
--
-- KEYS: lanes. ARGV: prefix, idle ms, channel, how many are looked at. Returns { looked at, dropped ... }.
--- @include "../../connection/scripts/parts/clock"
--- @include "parts/lane"

local now = clock()
local idle = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', digits(now - tonumber(ARGV[2])), 'LIMIT', 0, ARGV[4])
local answer = { tostring(#idle) }
for _, lane in ipairs(idle) do
  if isBusy(lane) then
    redis.call('ZADD', KEYS[1], digits(now), lane)
  else
    redis.call('ZREM', KEYS[1], lane)
    clean(lane)
    redis.call('PUBLISH', ARGV[3], lane)
    answer[#answer + 1] = lane
  end
end
return answer

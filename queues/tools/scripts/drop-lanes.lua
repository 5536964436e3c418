-- Drops lanes that were not used for a time and have nothing to do. A lane with something to do counts as used.
--
-- KEYS: lanes. ARGV: prefix, idle ms, channel, how many are looked at. Returns { looked at, dropped ... }.
--- @include "../../connection/scripts/parts/clock"
--- @include "parts/lane"

local all, idleMs, channel, most = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local now = clock()
local idle = redis.call('ZRANGEBYSCORE', all, '-inf', digits(now - tonumber(idleMs)), 'LIMIT', 0, most)
local answer = { tostring(#idle) }
for _, lane in ipairs(idle) do
  if isBusy(lane) then
    redis.call('ZADD', all, digits(now), lane)
  else
    redis.call('ZREM', all, lane)
    clean(lane)
    redis.call('PUBLISH', channel, lane)
    answer[#answer + 1] = lane
  end
end
return answer

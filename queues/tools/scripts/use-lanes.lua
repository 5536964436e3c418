-- Makes lanes known, and notes that they are used now; with 'NX' only those that are not known.
--
-- KEYS: lanes. ARGV: prefix, '' or 'NX', events that BullMQ keeps of each, channel, lanes.
--- @include "../../connection/scripts/parts/clock"
--- @include "parts/lane"

local now = digits(clock())
for i = 5, #ARGV do
  local lane = ARGV[i]
  local new = redis.call('ZADD', KEYS[1], 'NX', now, lane)
  if new == 1 then
    redis.call('HSETNX', keyOf(lane, 'meta'), 'opts.maxLenEvents', ARGV[3])
    redis.call('HSETNX', keyOf(lane, 'meta:gated'), 'opts.maxLenEvents', ARGV[3])
    redis.call('PUBLISH', ARGV[4], lane)
  elseif ARGV[2] == '' then
    redis.call('ZADD', KEYS[1], now, lane)
  end
end
return 0

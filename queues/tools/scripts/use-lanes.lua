-- Lists lanes and notes that they are used now; with 'NX', only lanes that are not listed.
--
-- KEYS: lanes. ARGV: prefix, '' or 'NX', events that BullMQ keeps of each, channel, lanes.
--- @include "../../connection/scripts/parts/clock"
--- @include "parts/lane"

local all, mode, eventsKept, channel = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local now = digits(clock())
for i = 5, #ARGV do
  local lane = ARGV[i]
  local new = redis.call('ZADD', all, 'NX', now, lane)
  if new == 1 then
    redis.call('HSETNX', keyOf(lane, 'meta'), 'opts.maxLenEvents', eventsKept)
    redis.call('HSETNX', keyOf(lane, 'meta:gated'), 'opts.maxLenEvents', eventsKept)
    redis.call('PUBLISH', channel, lane)
  elseif mode == '' then
    redis.call('ZADD', all, now, lane)
  end
end
return 0

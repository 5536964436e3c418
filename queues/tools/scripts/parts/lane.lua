-- The head of all scripts about lanes. ARGV[1] = prefix of the deployment.
--- @include "../../../gate/scripts/parts/forget-lane"

local prefix = ARGV[1]
local function keyOf(lane, what) return prefix .. ':' .. lane .. ':' .. what end
-- Whether there may be work in a lane. A held lane stays held.
local function isBusy(lane)
  for _, list in ipairs({ 'wait', 'paused', 'active' }) do
    if redis.call('LLEN', keyOf(lane, list)) > 0 then return true end
  end
  for _, set in ipairs({ 'prioritized', 'delayed', 'waiting-children' }) do
    if redis.call('ZCARD', keyOf(lane, set)) > 0 then return true end
  end
  return redis.call('HEXISTS', keyOf(lane, 'meta'), 'paused') == 1
end
-- Removes BullMQ's keys of a queue, unless it has jobs: ended ones stay with their runs.
local function clean(lane)
  for _, set in ipairs({ 'completed', 'failed' }) do
    if redis.call('ZCARD', keyOf(lane, set)) > 0 then return end
  end
  for _, what in ipairs({ 'meta', 'meta:gated', 'events', 'id', 'marker', 'stalled', 'stalled-check', 'limiter', 'pc' }) do
    redis.call('UNLINK', keyOf(lane, what))
  end
  forgetLane(prefix, lane)
end

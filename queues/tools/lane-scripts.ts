import { CLOCK_SCRIPT } from "../connection/clock-script.ts";

/** What all scripts about lanes begin with. ARGV[1] = prefix of the deployment. */
const LANE = `
${CLOCK_SCRIPT}
local prefix = ARGV[1]
local function keyOf(lane, what) return prefix .. ':' .. lane .. ':' .. what end
-- Whether somebody may still have to do something there; a lane that is held keeps that.
local function isBusy(lane)
  for _, list in ipairs({ 'wait', 'paused', 'active' }) do
    if redis.call('LLEN', keyOf(lane, list)) > 0 then return true end
  end
  for _, set in ipairs({ 'prioritized', 'delayed', 'waiting-children' }) do
    if redis.call('ZCARD', keyOf(lane, set)) > 0 then return true end
  end
  return redis.call('HEXISTS', keyOf(lane, 'meta'), 'paused') == 1
end
-- Removes what BullMQ keeps of a queue beside its jobs, unless there are some: ended ones stay with their runs.
local function clean(lane)
  for _, set in ipairs({ 'completed', 'failed' }) do
    if redis.call('ZCARD', keyOf(lane, set)) > 0 then return end
  end
  for _, what in ipairs({ 'meta', 'meta:gated', 'events', 'id', 'marker', 'stalled', 'stalled-check', 'limiter', 'pc' }) do
    redis.call('UNLINK', keyOf(lane, what))
  end
  -- What the gate knows of the order there.
  redis.call('UNLINK', prefix .. '.gate.marks:' .. lane, prefix .. '.gate.turns:q:' .. lane, prefix .. '.gate.turns:lane:' .. lane)
end
`;

/**
 * Makes lanes known, and notes that they are used now; with 'NX' only those that are not known.
 *
 * KEYS: lanes. ARGV: prefix, '' or 'NX', events that BullMQ keeps of each, channel, lanes.
 */
export const USE_LANES_SCRIPT = `
${LANE}
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
`;

/**
 * Drops lanes that nobody has used for a time and that have nothing to do. One that has counts as used.
 *
 * KEYS: lanes. ARGV: prefix, idle ms, channel, how many are looked at. Returns { looked at, dropped ... }.
 */
export const DROP_LANES_SCRIPT = `
${LANE}
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
`;

/**
 * Removes what is left of lanes that were dropped before their last job was removed.
 *
 * KEYS: lanes. ARGV: prefix, lanes.
 */
export const TIDY_LANES_SCRIPT = `
${LANE}
for i = 2, #ARGV do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) and not isBusy(ARGV[i]) then clean(ARGV[i]) end
end
return 0
`;

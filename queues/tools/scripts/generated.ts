// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

const FORGET_LANE_PART = `local function forgetLane(prefix, lane)
  redis.call('UNLINK', prefix .. '.gate.marks:' .. lane, prefix .. '.gate.turns:q:' .. lane, prefix .. '.gate.turns:lane:' .. lane)
end
`;

const LANE_PART = `local prefix = ARGV[1]
local function keyOf(lane, what) return prefix .. ':' .. lane .. ':' .. what end
local function isBusy(lane)
  for _, list in ipairs({ 'wait', 'paused', 'active' }) do
    if redis.call('LLEN', keyOf(lane, list)) > 0 then return true end
  end
  for _, set in ipairs({ 'prioritized', 'delayed', 'waiting-children' }) do
    if redis.call('ZCARD', keyOf(lane, set)) > 0 then return true end
  end
  return redis.call('HEXISTS', keyOf(lane, 'meta'), 'paused') == 1
end
local function clean(lane)
  for _, set in ipairs({ 'completed', 'failed' }) do
    if redis.call('ZCARD', keyOf(lane, set)) > 0 then return end
  end
  for _, what in ipairs({ 'meta', 'meta:gated', 'events', 'id', 'marker', 'stalled', 'stalled-check', 'limiter', 'pc' }) do
    redis.call('UNLINK', keyOf(lane, what))
  end
  forgetLane(prefix, lane)
end
`;

export const DROP_LANES = `${CLOCK_PART}${FORGET_LANE_PART}${LANE_PART}local all, idleMs, channel, most = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
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
`;

export const TIDY_LANES = `${FORGET_LANE_PART}${LANE_PART}local all = KEYS[1]
for i = 2, #ARGV do
  if not redis.call('ZSCORE', all, ARGV[i]) and not isBusy(ARGV[i]) then clean(ARGV[i]) end
end
return 0
`;

export const USE_LANES = `${CLOCK_PART}${FORGET_LANE_PART}${LANE_PART}local all, mode, eventsKept, channel = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
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
`;

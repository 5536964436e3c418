// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

export const DECIDE_FIRING = `local schedule, decision, plannedMs, byHand = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local spec, pending, handledMs, paused = unpack(redis.call('HMGET', schedule, 'spec', 'pending', 'handledMs', 'paused'))
if not spec then return nil end
if pending then return pending end
if byHand == '0' and (paused or tonumber(plannedMs) <= tonumber(handledMs)) then return nil end
redis.call('HSET', schedule, 'pending', decision)
return decision
`;

export const PAUSE_SCHEDULE = `${CLOCK_PART}local schedule, paused = KEYS[1], ARGV[1]
local now = digits(clock())
if redis.call('EXISTS', schedule) == 0 then return 0 end
if paused == '1' then redis.call('HSET', schedule, 'paused', '1')
elseif redis.call('HDEL', schedule, 'paused') == 1 then redis.call('HSET', schedule, 'handledMs', now) end
return 1
`;

export const PUT_SCHEDULE = `${CLOCK_PART}local schedule, all, id, spec, timing = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]
local now = digits(clock())
local before = redis.call('HGET', schedule, 'timing')
local created = before and 0 or 1
local changed = before == timing and 0 or 1
redis.call('HSET', schedule, 'spec', spec, 'timing', timing)
if changed == 1 then redis.call('HSET', schedule, 'anchorMs', now, 'handledMs', now) end
redis.call('ZADD', all, 0, id)
return { created, changed }
`;

export const SETTLE_FIRING = `local schedule, history = KEYS[1], KEYS[2]
local decision, entry, plannedMs, runId, counter, by, kept = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
if redis.call('HGET', schedule, 'pending') ~= decision then return 0 end
redis.call('HDEL', schedule, 'pending')
if plannedMs ~= '' and tonumber(plannedMs) > tonumber(redis.call('HGET', schedule, 'handledMs')) then
  redis.call('HSET', schedule, 'handledMs', plannedMs)
end
if runId ~= '' then redis.call('HSET', schedule, 'lastRun', runId) end
redis.call('HINCRBY', schedule, counter, by)
redis.call('LPUSH', history, entry)
redis.call('LTRIM', history, 0, tonumber(kept) - 1)
return 1
`;

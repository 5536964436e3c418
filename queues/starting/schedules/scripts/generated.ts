// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

export const DECIDE_FIRING = `local found = redis.call('HMGET', KEYS[1], 'spec', 'pending', 'handledMs', 'paused')
if not found[1] then return nil end
if found[2] then return found[2] end
if ARGV[3] == '0' and (found[4] or tonumber(ARGV[2]) <= tonumber(found[3])) then return nil end
redis.call('HSET', KEYS[1], 'pending', ARGV[1])
return ARGV[1]
`;

export const PAUSE_SCHEDULE = `${CLOCK_PART}local now = digits(clock())
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '1' then redis.call('HSET', KEYS[1], 'paused', '1')
elseif redis.call('HDEL', KEYS[1], 'paused') == 1 then redis.call('HSET', KEYS[1], 'handledMs', now) end
return 1
`;

export const PUT_SCHEDULE = `${CLOCK_PART}local now = digits(clock())
local timing = redis.call('HGET', KEYS[1], 'timing')
local created = timing and 0 or 1
local changed = timing == ARGV[3] and 0 or 1
redis.call('HSET', KEYS[1], 'spec', ARGV[2], 'timing', ARGV[3])
if changed == 1 then redis.call('HSET', KEYS[1], 'anchorMs', now, 'handledMs', now) end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return { created, changed }
`;

export const SETTLE_FIRING = `if redis.call('HGET', KEYS[1], 'pending') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'pending')
if ARGV[3] ~= '' and tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[1], 'handledMs')) then
  redis.call('HSET', KEYS[1], 'handledMs', ARGV[3])
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'lastRun', ARGV[4]) end
redis.call('HINCRBY', KEYS[1], ARGV[5], ARGV[6])
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[7]) - 1)
return 1
`;

// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

export const KEEP_RESULT = `${CLOCK_PART}local now = clock()
local stamp = digits(now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', stamp)
redis.call('SET', KEYS[2], stamp .. '|' .. ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[1], digits(now + tonumber(ARGV[2])), KEYS[2])
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
local gone = over > 0 and redis.call('ZPOPMIN', KEYS[1], over) or {}
for i = 1, #gone, 2 do redis.call('UNLINK', gone[i]) end
return over
`;

export const READ_RESULT = `${CLOCK_PART}local now = clock()
local text = redis.call('GET', KEYS[1])
if not text then return nil end
local at, json = string.match(text, '^(%d+)|(.*)$')
return { math.max(0, now - tonumber(at)), json }
`;

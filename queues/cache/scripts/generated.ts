// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

export const KEEP_RESULT = `${CLOCK_PART}local all, key = KEYS[1], KEYS[2]
local json, keepMs, most = ARGV[1], ARGV[2], ARGV[3]
local now = clock()
local stamp = digits(now)
redis.call('ZREMRANGEBYSCORE', all, '-inf', stamp)
redis.call('SET', key, stamp .. '|' .. json, 'PX', keepMs)
redis.call('ZADD', all, digits(now + tonumber(keepMs)), key)
local over = redis.call('ZCARD', all) - tonumber(most)
local gone = over > 0 and redis.call('ZPOPMIN', all, over) or {}
for i = 1, #gone, 2 do redis.call('UNLINK', gone[i]) end
return over
`;

export const READ_RESULT = `${CLOCK_PART}local key = KEYS[1]
local now = clock()
local text = redis.call('GET', key)
if not text then return nil end
local at, json = string.match(text, '^(%d+)|(.*)$')
return { math.max(0, now - tonumber(at)), json }
`;

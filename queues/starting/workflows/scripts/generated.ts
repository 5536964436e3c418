// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

export const ADD_WORKFLOW = `${CLOCK_PART}local before = redis.call('HGET', KEYS[1], 'current') or ''
if before == ARGV[2] then return { 'same', before } end
redis.call('HSET', KEYS[1], 'current', ARGV[2])
if redis.call('HEXISTS', KEYS[1], 'v:' .. ARGV[2]) == 1 then return { 'current', before } end
local now = digits(clock())
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HSETNX', KEYS[3], 'json', ARGV[3])
redis.call('HINCRBY', KEYS[3], 'refs', 1)
redis.call('HSET', KEYS[1], 'v:' .. ARGV[2],
  cjson.encode({ addedAtMs = now, seq = seq, actor = ARGV[5], name = ARGV[6] }), 'd:' .. ARGV[2], ARGV[4])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return { 'added', before }
`;

export const REMOVE_WORKFLOW = `local fields = redis.call('HKEYS', KEYS[1])
local there = 0
for _, field in ipairs(fields) do
  if string.sub(field, 1, 2) == 'v:' then there = there + 1 end
end
if there ~= tonumber(ARGV[2]) then return -1 end
for at = 3, #ARGV do
  if redis.call('HEXISTS', KEYS[1], 'v:' .. ARGV[at]) == 0 then return -1 end
end
for at = 3, #ARGV do
  redis.call('HDEL', KEYS[1], 'v:' .. ARGV[at], 'd:' .. ARGV[at])
  if redis.call('HINCRBY', KEYS[at], 'refs', -1) <= 0 then redis.call('DEL', KEYS[at]) end
end
local left = there - (#ARGV - 2)
if left == 0 then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
local current = redis.call('HGET', KEYS[1], 'current')
if redis.call('HEXISTS', KEYS[1], 'v:' .. current) == 0 then
  local newest, best = nil, -1
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(field, 1, 2) == 'v:' then
      local seq = cjson.decode(redis.call('HGET', KEYS[1], field))['seq']
      if seq > best then newest, best = string.sub(field, 3), seq end
    end
  end
  redis.call('HSET', KEYS[1], 'current', newest)
end
return left
`;

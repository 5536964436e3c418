// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

export const ADD_WORKFLOW = `${CLOCK_PART}local workflow, all, definition = KEYS[1], KEYS[2], KEYS[3]
local id, hash, definitionJson, documentJson, actor, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local before = redis.call('HGET', workflow, 'current') or ''
if before == hash then return { 'same', before } end
redis.call('HSET', workflow, 'current', hash)
if redis.call('HEXISTS', workflow, 'v:' .. hash) == 1 then return { 'current', before } end
local now = digits(clock())
local seq = redis.call('HINCRBY', workflow, 'seq', 1)
redis.call('HSETNX', definition, 'json', definitionJson)
redis.call('HINCRBY', definition, 'refs', 1)
redis.call('HSET', workflow, 'v:' .. hash,
  cjson.encode({ addedAtMs = now, seq = seq, actor = actor, name = name }), 'd:' .. hash, documentJson)
redis.call('ZADD', all, 0, id)
return { 'added', before }
`;

export const REMOVE_WORKFLOW = `local workflow, all, id, seen = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local fields = redis.call('HKEYS', workflow)
local there = 0
for _, field in ipairs(fields) do
  if string.sub(field, 1, 2) == 'v:' then there = there + 1 end
end
if there ~= tonumber(seen) then return -1 end
for at = 3, #ARGV do
  if redis.call('HEXISTS', workflow, 'v:' .. ARGV[at]) == 0 then return -1 end
end
for at = 3, #ARGV do
  redis.call('HDEL', workflow, 'v:' .. ARGV[at], 'd:' .. ARGV[at])
  if redis.call('HINCRBY', KEYS[at], 'refs', -1) <= 0 then redis.call('DEL', KEYS[at]) end
end
local left = there - (#ARGV - 2)
if left == 0 then
  redis.call('DEL', workflow)
  redis.call('ZREM', all, id)
  return 0
end
local current = redis.call('HGET', workflow, 'current')
if redis.call('HEXISTS', workflow, 'v:' .. current) == 0 then
  local newest, best = nil, -1
  for _, field in ipairs(redis.call('HKEYS', workflow)) do
    if string.sub(field, 1, 2) == 'v:' then
      local seq = cjson.decode(redis.call('HGET', workflow, field))['seq']
      if seq > best then newest, best = string.sub(field, 3), seq end
    end
  end
  redis.call('HSET', workflow, 'current', newest)
end
return left
`;

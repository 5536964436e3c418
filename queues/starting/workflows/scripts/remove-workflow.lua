-- Removes versions of a workflow and gives their references back. When the current one goes and others
-- stay, the one that was added last becomes current.
--
-- KEYS: workflow, workflows, then the definition of each version that goes.
-- ARGV: workflow id, number of versions there are, the hash of each that goes.
-- Returns -1 when the versions are not those the caller saw, else the number of versions left.

local fields = redis.call('HKEYS', KEYS[1])
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

-- Removes versions of a workflow and releases their references. If the current one is removed and others stay, the one
-- added last becomes current.
--
-- KEYS: workflow, workflows, then the definition of each version to remove.
-- ARGV: workflow id, number of existing versions, the hash of each version to remove.
-- Returns -1 if the versions are not those the caller saw, else the number of versions left.

local workflow, all, id, seen = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
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

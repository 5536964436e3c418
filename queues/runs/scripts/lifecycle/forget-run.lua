-- Forgets an ended run, and its definition with the last run that uses it. A run of many steps is forgotten in several
-- calls, its record in the last one.
--
-- KEYS: record, definition. ARGV: tenant, '1' for the last call, the number of forEach steps, those steps, slots of
-- steps and items.
--- @include "../parts/runs"

local record, definition = KEYS[1], KEYS[2]
local tenant, isLast, each = ARGV[1], ARGV[2], tonumber(ARGV[3])
local prefix, runId = partsOf(record)
for at = 4, 3 + each do redis.call('UNLINK', prefix .. '.items:' .. runId .. ':' .. ARGV[at]) end
for at = 4 + each, #ARGV do
  local slot = ARGV[at]
  redis.call('UNLINK', prefix .. '.val:' .. runId .. ':o:' .. slot)
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. slot)
  redis.call('ZREM', prefix .. '.dead:' .. tenant, runId .. ' ' .. slot)
end
if isLast ~= '1' then return 0 end
if redis.call('EXISTS', record) == 1 then
  if redis.call('HINCRBY', definition, 'refs', -1) <= 0 then redis.call('DEL', definition) end
end
redis.call('UNLINK', record, prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId,
  prefix .. '.val:' .. runId .. ':input', prefix .. '.val:' .. runId .. ':output')
for _, set in ipairs({ '.runs', '.open', '.adding', '.tended', '.done:' .. tenant, '.failed:' .. tenant }) do
  redis.call('ZREM', prefix .. set, runId)
end
return 1

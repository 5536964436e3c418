-- Forgets a run that has ended, and its definition with the last that uses it. One of many steps is forgotten in several
-- calls, its record with the last.
--
-- KEYS: record, definition. ARGV: tenant, '1' for the last call, how many of the others are forEach steps, these, slots
-- of steps and items.
--- @include "../parts/runs"

local prefix, runId = partsOf(KEYS[1])
local each = tonumber(ARGV[3])
for at = 4, 3 + each do redis.call('UNLINK', prefix .. '.items:' .. runId .. ':' .. ARGV[at]) end
for at = 4 + each, #ARGV do
  redis.call('UNLINK', prefix .. '.val:' .. runId .. ':o:' .. ARGV[at])
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. ARGV[at])
  redis.call('ZREM', prefix .. '.dead:' .. ARGV[1], runId .. ' ' .. ARGV[at])
end
if ARGV[2] ~= '1' then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HINCRBY', KEYS[2], 'refs', -1) <= 0 then redis.call('DEL', KEYS[2]) end
end
redis.call('UNLINK', KEYS[1], prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId,
  prefix .. '.val:' .. runId .. ':input', prefix .. '.val:' .. runId .. ':output')
for _, set in ipairs({ '.runs', '.open', '.adding', '.tended', '.done:' .. ARGV[1], '.failed:' .. ARGV[1] }) do
  redis.call('ZREM', prefix .. set, runId)
end
return 1

-- Keeps the decision about a step that waits, or is going to. The first one stands.
--
-- KEYS: record. ARGV: field of the decision, the decision, field of the step.
-- Returns { 'kept' | 'again' | 'late' | 'gone', state of the run }.
--- @include "../parts/runs"

local head = redis.call('HMGET', KEYS[1], 'state', ARGV[3])
if not head[1] then return { 'gone' } end
local letter = head[2] and string.sub(head[2], 1, 1)
if ENDED[head[1]] or head[1] == 'cancelling' or letter == 'C' or letter == 'F' or letter == 'S' or letter == 'X' then
  return { redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 and 'again' or 'late', head[1] }
end
return { redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 and 'kept' or 'again', head[1] }

-- Stores the decision about a step that waits or will wait. The first decision stands.
--
-- KEYS: record. ARGV: field of the decision, the decision, field of the step.
-- Returns { 'kept' | 'again' | 'late' | 'gone', state of the run }.
--- @include "../parts/runs"

local record, field, decision, step = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local state, stepRecord = unpack(redis.call('HMGET', record, 'state', step))
if not state then return { 'gone' } end
local letter = stepRecord and string.sub(stepRecord, 1, 1)
if ENDED[state] or state == 'cancelling' or letter == 'C' or letter == 'F' or letter == 'S' or letter == 'X' then
  return { redis.call('HEXISTS', record, field) == 1 and 'again' or 'late', state }
end
return { redis.call('HSETNX', record, field, decision) == 1 and 'kept' or 'again', state }

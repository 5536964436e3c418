-- Writes the priority of a run, and gives it a place among those of its new class: at their end if it waits for its turn, before
-- those that have not begun if it gave its place and waits for one again, else where it would have been had it begun with it.
--
-- KEYS: record. ARGV: priority. Returns the state of the run, or nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"

local head = redis.call('HMGET', KEYS[1], 'state', 'tenant', 'rank', 'away')
if not head[1] then return nil end
local prefix, runId = partsOf(KEYS[1])
redis.call('HSET', KEYS[1], 'priority', ARGV[1])
local rank = tonumber(head[3] or '0')
if rank >= FIRST then
  redis.call('HSET', KEYS[1], 'rank', digits(rank + (11 - tonumber(ARGV[1]) - levelOfRank(rank)) * PER_LEVEL))
end
if redis.call('ZSCORE', prefix .. '.waiting:' .. head[2], runId) then
  -- One that had begun goes before those that have not, also in its new class.
  if head[4] then awaitAgain(prefix, runId, clock()) else await(prefix, runId, clock()) end
end
return head[1]

-- Writes the priority of a run, and gives it a place among those of its new class: at their end if it waits for its turn, before
-- those that have not begun if it gave its place and waits for one again, else where it would have been had it begun with it.
--
-- KEYS: record. ARGV: priority. Returns the state of the run, or nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"

local record, priority = KEYS[1], ARGV[1]
local state, tenant, rankNow, away = unpack(redis.call('HMGET', record, 'state', 'tenant', 'rank', 'away'))
if not state then return nil end
local prefix, runId = partsOf(record)
redis.call('HSET', record, 'priority', priority)
local rank = tonumber(rankNow or '0')
if rank >= FIRST then
  redis.call('HSET', record, 'rank', digits(rank + (11 - tonumber(priority) - levelOfRank(rank)) * PER_LEVEL))
end
if redis.call('ZSCORE', prefix .. '.waiting:' .. tenant, runId) then
  -- One that had begun goes before those that have not, also in its new class.
  if away then awaitAgain(prefix, runId, clock()) else await(prefix, runId, clock()) end
end
return state

-- Sets the priority of a run and moves it into its new class. If it waits for its turn, it goes to the end. If it gave
-- up its place and waits for one again, it goes before those that have not begun. Otherwise it goes where it would be
-- had it begun with this priority.
--
-- KEYS: record. ARGV: priority. Returns the state of the run, or nil if there is no such run.
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
  -- In its new class too, a run that had begun goes before those that have not.
  if away then awaitAgain(prefix, runId, clock()) else await(prefix, runId, clock()) end
end
return state

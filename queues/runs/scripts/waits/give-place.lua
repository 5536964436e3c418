-- A run in which nothing runs and nothing can start gives up its place, unless something has moved since the caller
-- looked. Its clock goes on. The first step that would begin takes a place again, or waits for one.
--
-- KEYS: record. ARGV: cap, then for each step that would be next: its run (this one or a sub-run), field and record, ''
-- for none.
-- Returns the runs that were admitted in its place, or nil if it keeps it.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"

local record, cap = KEYS[1], ARGV[1]
local state, tenant = unpack(redis.call('HMGET', record, 'state', 'tenant'))
if state ~= 'running' and state ~= 'queued' then return nil end
local now = clock()
local prefix, runId = partsOf(record)
for i = 2, #ARGV, 3 do
  local run, field, seen = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if (redis.call('HGET', prefix .. '.run:' .. run, field) or '') ~= seen then return nil end
end
if redis.call('SREM', prefix .. '.admitted:' .. tenant, runId) == 0 then return nil end
redis.call('HSET', record, 'away', runId, 'awayCap', cap)
for i = 2, #ARGV, 3 do redis.call('HSET', prefix .. '.run:' .. ARGV[i], 'away', runId) end
return pump(prefix, tenant, tonumber(cap), now)

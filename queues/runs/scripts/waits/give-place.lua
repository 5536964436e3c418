-- A run of which nothing runs and nothing can start gives its place, unless something has moved since the caller looked.
-- Its time goes on; the first step that would begin takes a place again, or waits for one.
--
-- KEYS: record. ARGV: cap, then the run (this one, or one that works for it), the field and the record of each step
-- that would be the next, '' for none.
-- Returns the runs that were admitted in its place, or nil when it keeps it.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"

local head = redis.call('HMGET', KEYS[1], 'state', 'tenant')
if head[1] ~= 'running' and head[1] ~= 'queued' then return nil end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
for i = 2, #ARGV, 3 do
  if (redis.call('HGET', prefix .. '.run:' .. ARGV[i], ARGV[i + 1]) or '') ~= ARGV[i + 2] then return nil end
end
if redis.call('SREM', prefix .. '.admitted:' .. head[2], runId) == 0 then return nil end
redis.call('HSET', KEYS[1], 'away', runId, 'awayCap', ARGV[1])
for i = 2, #ARGV, 3 do redis.call('HSET', prefix .. '.run:' .. ARGV[i], 'away', runId) end
return pump(prefix, head[2], tonumber(ARGV[1]), now)

-- Parks a run of which every step that could go on waits for somebody outside, unless something has
-- moved since the caller looked.
--
-- KEYS: record. ARGV: version that the caller saw, cap.
-- Returns the runs that were admitted in its place, or nil when it is not parked.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"
--- @include "../parts/run-clock"

local head = redis.call('HMGET', KEYS[1], 'state', 'version')
if head[1] ~= 'running' or head[2] ~= ARGV[1] then return nil end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
local tenant = stopClock(KEYS[1], now)
redis.call('HSET', KEYS[1], 'state', 'parked')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\nparked')
return pump(prefix, tenant, tonumber(ARGV[2]), now)

-- Parks a run in which every step that could go on waits for somebody outside, unless something has moved since the
-- caller looked.
--
-- KEYS: record. ARGV: version that the caller saw, cap.
-- Returns the runs that were admitted in its place, or nil if it is not parked.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"
--- @include "../parts/run-clock"

local record, versionSeen, cap = KEYS[1], ARGV[1], ARGV[2]
local state, version = unpack(redis.call('HMGET', record, 'state', 'version'))
if state ~= 'running' or version ~= versionSeen then return nil end
local now = clock()
local prefix, runId = partsOf(record)
local tenant = stopClock(record, now)
redis.call('HSET', record, 'state', 'parked')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\nparked')
return pump(prefix, tenant, tonumber(cap), now)

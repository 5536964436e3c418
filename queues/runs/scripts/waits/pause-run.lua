-- Holds a run: from now on no step of it begins. Those that run go on.
--
-- KEYS: record. ARGV: cap, actor. Returns JSON of { before, admitted }, or nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"
--- @include "../parts/run-clock"

local state = redis.call('HGET', KEYS[1], 'state')
if not state then return nil end
if state ~= 'queued' and state ~= 'running' and state ~= 'parked' then return cjson.encode({ before = state }) end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
local tenant = stopClock(KEYS[1], now)
redis.call('HSET', KEYS[1], 'state', 'paused', 'pausedBy', ARGV[2])
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\npaused')
return cjson.encode({ before = state, admitted = pump(prefix, tenant, tonumber(ARGV[1]), now) })

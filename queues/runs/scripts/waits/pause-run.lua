-- Holds a run: from now on none of its steps begins. Running steps go on.
--
-- KEYS: record. ARGV: cap, actor. Returns JSON of { before, admitted }, or nil if there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"
--- @include "../parts/run-clock"

local record, cap, actor = KEYS[1], ARGV[1], ARGV[2]
local state = redis.call('HGET', record, 'state')
if not state then return nil end
if state ~= 'queued' and state ~= 'running' and state ~= 'parked' then return cjson.encode({ before = state }) end
local now = clock()
local prefix, runId = partsOf(record)
local tenant = stopClock(record, now)
redis.call('HSET', record, 'state', 'paused', 'pausedBy', actor)
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\npaused')
return cjson.encode({ before = state, admitted = pump(prefix, tenant, tonumber(cap), now) })

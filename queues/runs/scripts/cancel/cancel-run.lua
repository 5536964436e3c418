-- Asks a run to stop: from now on none of its steps begins. `left` counts the steps that still run, plus one for the
-- caller, who takes it off after looking at every step. Whoever brings it to 0 ends the run.
--
-- KEYS: record. ARGV: abort JSON.
-- Returns { state before, state now }, or nil if there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"

local record, abortJson = KEYS[1], ARGV[1]
local state = redis.call('HGET', record, 'state')
if not state then return nil end
if ENDED[state] or state == 'cancelling' or state == 'compensating' then return { state, state } end
local prefix, runId = partsOf(record)
local abort = cjson.decode(abortJson)
-- If a policy has begun to stop the run and asks for undoing, it is undone whatever else stops it.
local before = redis.call('HGET', record, 'abort')
if before and cjson.decode(before).compensate then abort.compensate = true end
tend(prefix, runId, STOPPING, clock())
redis.call('HSET', record, 'state', 'cancelling', 'abort', cjson.encode(abort), 'left', '1')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\ncancelling')
redis.call('PUBLISH', prefix .. '.control', 'abort\n' .. runId .. '\n' .. abortJson)
return { state, 'cancelling' }

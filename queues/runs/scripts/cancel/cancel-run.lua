-- Asks a run to stop: from now on no step of it begins. \`left\` counts the steps that still run, and
-- one for the caller, who gives it back when every step was looked at; who brings it to 0 ends the run.
--
-- KEYS: record. ARGV: abort JSON.
-- Returns { state before, state now } or nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"

local state = redis.call('HGET', KEYS[1], 'state')
if not state then return nil end
if ENDED[state] or state == 'cancelling' or state == 'compensating' then return { state, state } end
local prefix, runId = partsOf(KEYS[1])
local abort = cjson.decode(ARGV[1])
-- What a policy has begun to stop is undone whatever else stops it.
local before = redis.call('HGET', KEYS[1], 'abort')
if before and cjson.decode(before).compensate then abort.compensate = true end
tend(prefix, runId, STOPPING, clock())
redis.call('HSET', KEYS[1], 'state', 'cancelling', 'abort', cjson.encode(abort), 'left', '1')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\ncancelling')
redis.call('PUBLISH', prefix .. '.control', 'abort\n' .. runId .. '\n' .. ARGV[1])
return { state, 'cancelling' }

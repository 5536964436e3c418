-- Notes, once, that a run is being undone. The run ends when that is done.
--
-- KEYS: record. ARGV: epoch, ending JSON, JSON list of the slots in their order.
-- Returns the resulting state, or nil if there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"

local record, epoch, ending, slots = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local state, epochNow = unpack(redis.call('HMGET', record, 'state', 'epoch'))
if not state then return nil end
if ENDED[state] or state == 'compensating' or epochNow ~= epoch then return state end
local prefix, runId = partsOf(record)
redis.call('HSET', record, 'state', 'compensating', 'ending', ending, 'undoing', slots)
redis.call('ZADD', prefix .. '.open', '+inf', runId)
tend(prefix, runId, STOPPING, clock())
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\ncompensating')
return 'compensating'

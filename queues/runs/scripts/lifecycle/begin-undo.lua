-- Notes that what a run did is being undone, once; its ending waits until that is done.
--
-- KEYS: record. ARGV: epoch, ending JSON, JSON list of the slots in their order.
-- Returns the state that stands, or nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"

local head = redis.call('HMGET', KEYS[1], 'state', 'epoch')
if not head[1] then return nil end
if ENDED[head[1]] or head[1] == 'compensating' or head[2] ~= ARGV[1] then return head[1] end
local prefix, runId = partsOf(KEYS[1])
redis.call('HSET', KEYS[1], 'state', 'compensating', 'ending', ARGV[2], 'undoing', ARGV[3])
redis.call('ZADD', prefix .. '.open', '+inf', runId)
tend(prefix, runId, STOPPING, clock())
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\ncompensating')
return 'compensating'

-- Lets a paused run go on.
--
-- KEYS: record. ARGV: cap.
-- Returns JSON of { before, now, parked slots, admitted }, or nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"
--- @include "../parts/admission"
--- @include "../parts/run-clock"

local head = redis.call('HMGET', KEYS[1], 'state', 'admittedAt', 'startedAt', 'tenant', 'serial')
if not head[1] then return nil end
if head[1] ~= 'paused' then return cjson.encode({ before = head[1], now = head[1] }) end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
local admitted = {}
local after = 'queued'
if head[2] then
  resumeClock(KEYS[1], now)
  if head[3] then after = 'running' else awaitJobs(prefix, runId, now) end
else
  untend(prefix, runId)
  if not head[5] or redis.call('HGET', prefix .. '.serial', head[5]) == runId then
    await(prefix, runId, now)
    admitted = pump(prefix, head[4], tonumber(ARGV[1]), now)
  end
end
redis.call('HSET', KEYS[1], 'state', after)
redis.call('HDEL', KEYS[1], 'pausedBy')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\n' .. after)
local parkedKey = prefix .. '.parked:' .. runId
local parked = redis.call('SMEMBERS', parkedKey)
return cjson.encode({ before = 'paused', now = after, parked = parked, admitted = admitted })

-- Lets a paused run go on.
--
-- KEYS: record. ARGV: cap.
-- Returns JSON of { before, now, parked slots, admitted }, or nil if there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"
--- @include "../parts/admission"
--- @include "../parts/run-clock"

local record, cap = KEYS[1], ARGV[1]
local state, admittedAt, startedAt, tenant, serial = unpack(redis.call('HMGET', record, 'state', 'admittedAt', 'startedAt', 'tenant', 'serial'))
if not state then return nil end
if state ~= 'paused' then return cjson.encode({ before = state, now = state }) end
local now = clock()
local prefix, runId = partsOf(record)
local admitted = {}
local after = 'queued'
if admittedAt then
  resumeClock(record, now)
  if startedAt then after = 'running' else awaitJobs(prefix, runId, now) end
else
  untend(prefix, runId)
  if not serial or redis.call('HGET', prefix .. '.serial', serial) == runId then
    await(prefix, runId, now)
    admitted = pump(prefix, tenant, tonumber(cap), now)
  end
end
redis.call('HSET', record, 'state', after)
redis.call('HDEL', record, 'pausedBy')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\n' .. after)
local parkedKey = prefix .. '.parked:' .. runId
local parked = redis.call('SMEMBERS', parkedKey)
return cjson.encode({ before = 'paused', now = after, parked = parked, admitted = admitted })

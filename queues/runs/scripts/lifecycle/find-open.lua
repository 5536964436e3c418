-- Adds open runs to indexes that lack them, because an older version wrote none or somebody deleted a key.
--
-- KEYS: tenants with waiting runs. ARGV: prefix, ids of runs. Returns how many were missing.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"
--- @include "../parts/admission"

local lines, prefix = KEYS[1], ARGV[1]
local now = clock()
local found = 0
for i = 2, #ARGV do
  local runId = ARGV[i]
  -- An unreadable record must not affect the others.
  local state, admittedAt, tenant, serial = unpack(redis.pcall('HMGET', prefix .. '.run:' .. runId, 'state', 'admittedAt', 'tenant', 'serial'))
  if state == 'queued' and not admittedAt then
    local waits = redis.call('ZSCORE', prefix .. '.waiting:' .. tenant, runId)
    if waits then
      found = found + redis.call('SADD', lines, tenant)
    elseif not serial or redis.call('HGET', prefix .. '.serial', serial) == runId then
      await(prefix, runId, now)
      found = found + 1
    end
  elseif state and not ENDED[state] and redis.call('ZSCORE', prefix .. '.waiting:' .. tenant, runId) then
    -- It gave up its place and waits for one again.
    found = found + redis.call('SADD', lines, tenant)
  elseif state and not ENDED[state] and not redis.call('ZSCORE', prefix .. '.tended', runId) then
    local kind = AT_WORK
    if state == 'cancelling' or state == 'compensating' then kind = STOPPING end
    if state == 'parked' or state == 'paused' then kind = ASIDE end
    tend(prefix, runId, kind, 0)
    found = found + 1
  end
end
return found

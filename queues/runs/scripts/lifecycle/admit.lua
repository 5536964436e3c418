-- Admits waiting runs of tenants.
--
-- KEYS: tenants with waiting runs. ARGV: prefix, how many runs of a tenant may be at work, how many this call may
-- admit, tenants. Returns the ids of the runs whose jobs may be added now.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/admission"

local lines, prefix, cap, most = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local admitted = {}
for i = 4, #ARGV do
  local tenant = ARGV[i]
  local some = pump(prefix, tenant, cap, now, most - #admitted)
  for _, runId in ipairs(some) do admitted[#admitted + 1] = runId end
  -- The last run in its line may have been cancelled or held.
  if not some[1] and redis.call('EXISTS', prefix .. '.waiting:' .. tenant) == 0 then
    redis.call('SREM', lines, tenant)
  end
end
return admitted

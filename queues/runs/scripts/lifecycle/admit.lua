-- Admits waiting runs of tenants.
--
-- KEYS: tenants of which runs wait. ARGV: prefix, how many runs of a tenant may be at work, how many this call may admit,
-- tenants. Returns the ids of the runs.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/admission"

local prefix, now, most = ARGV[1], clock(), tonumber(ARGV[3])
local admitted = {}
for i = 4, #ARGV do
  local some = pump(prefix, ARGV[i], tonumber(ARGV[2]), now, most - #admitted)
  for _, runId in ipairs(some) do admitted[#admitted + 1] = runId end
  -- The last of its line may have been cancelled or held.
  if not some[1] and redis.call('EXISTS', prefix .. '.waiting:' .. ARGV[i]) == 0 then
    redis.call('SREM', KEYS[1], ARGV[i])
  end
end
return admitted

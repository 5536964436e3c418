-- Takes runs to look after, those first that were looked at longest ago. They are anybody's again with the next pass, so
-- that who dies over one keeps it from nobody.
--
-- KEYS: the index. ARGV: runs that were looked at after this time are left alone, how many of each kind.
-- Returns their ids.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/tended"
--- @constant KIND_SPAN

local tended, before, limit = KEYS[1], tonumber(ARGV[1]), ARGV[2]
-- Later than the pass began, or it would take them again.
local now = math.max(clock(), before + 1)
local taken = {}
for _, kind in ipairs(KINDS) do
  local from = kind * KIND_SPAN
  for _, runId in ipairs(redis.call('ZRANGEBYSCORE', tended, digits(from), digits(from + before), 'LIMIT', 0, limit)) do
    redis.call('ZADD', tended, 'XX', digits(from + now), runId)
    taken[#taken + 1] = runId
  end
end
return taken

-- Takes runs to look after, beginning with those looked at longest ago. With the next pass anybody may take them again,
-- so a worker that dies over one keeps it from nobody.
--
-- KEYS: the index. ARGV: runs that were looked at after this time are left alone, how many of each kind.
-- Returns their ids.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/tended"
--- @constant KIND_SPAN

local tended, before, limit = KEYS[1], tonumber(ARGV[1]), ARGV[2]
-- Later than the start of the pass, or the pass would take them again.
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

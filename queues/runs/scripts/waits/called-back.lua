-- Forgets that slots stand aside, for a pause or for a place. Not while the run is held again or has none: they may stand
-- aside for that by now.
--
-- KEYS: record. ARGV: slots. Returns how many were forgotten.
--- @include "../parts/runs"

local head = redis.call('HMGET', KEYS[1], 'state', 'away')
if head[1] == 'paused' then return 0 end
local prefix, runId = partsOf(KEYS[1])
if head[2] and redis.call('HEXISTS', prefix .. '.run:' .. head[2], 'away') == 1 then return 0 end
local removed = 0
for from = 1, #ARGV, 1000 do
  removed = removed + redis.call('SREM', prefix .. '.parked:' .. runId, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return removed

-- Forgets that slots stand aside, for a pause or for a place. Not if the run is held again or has no place, since they
-- may stand aside for that by now.
--
-- KEYS: record. ARGV: slots. Returns how many were forgotten.
--- @include "../parts/runs"

local record = KEYS[1]
local state, away = unpack(redis.call('HMGET', record, 'state', 'away'))
if state == 'paused' then return 0 end
local prefix, runId = partsOf(record)
if away and redis.call('HEXISTS', prefix .. '.run:' .. away, 'away') == 1 then return 0 end
local removed = 0
for from = 1, #ARGV, 1000 do
  removed = removed + redis.call('SREM', prefix .. '.parked:' .. runId, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return removed

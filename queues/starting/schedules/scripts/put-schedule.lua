-- Writes a schedule. With another timing it begins anew: nothing that was planned before counts.
--
-- KEYS: schedule, schedules. ARGV: id, spec JSON, timing as text.
-- Returns { 1 when it is new, 1 when its timing is new }.
--- @include "../../../connection/scripts/parts/clock"

local now = digits(clock())
local timing = redis.call('HGET', KEYS[1], 'timing')
local created = timing and 0 or 1
local changed = timing == ARGV[3] and 0 or 1
redis.call('HSET', KEYS[1], 'spec', ARGV[2], 'timing', ARGV[3])
if changed == 1 then redis.call('HSET', KEYS[1], 'anchorMs', now, 'handledMs', now) end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return { created, changed }

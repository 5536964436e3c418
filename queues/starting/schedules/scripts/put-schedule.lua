-- Stores a schedule. With another timing it begins anew: nothing planned before counts.
--
-- KEYS: schedule, schedules. ARGV: id, spec JSON, timing as text.
-- Returns { 1 if it is new, 1 if its timing is new }.
--- @include "../../../connection/scripts/parts/clock"

local schedule, all, id, spec, timing = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]
local now = digits(clock())
local before = redis.call('HGET', schedule, 'timing')
local created = before and 0 or 1
local changed = before == timing and 0 or 1
redis.call('HSET', schedule, 'spec', spec, 'timing', timing)
if changed == 1 then redis.call('HSET', schedule, 'anchorMs', now, 'handledMs', now) end
redis.call('ZADD', all, 0, id)
return { created, changed }

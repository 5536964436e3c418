-- Pauses a schedule or lets it go on. Firings planned while it was paused do not count.
--
-- KEYS: schedule. ARGV: '1' or '0'. Returns 0 if there is none.
--- @include "../../../connection/scripts/parts/clock"

local schedule, paused = KEYS[1], ARGV[1]
local now = digits(clock())
if redis.call('EXISTS', schedule) == 0 then return 0 end
if paused == '1' then redis.call('HSET', schedule, 'paused', '1')
elseif redis.call('HDEL', schedule, 'paused') == 1 then redis.call('HSET', schedule, 'handledMs', now) end
return 1

-- Pauses a schedule or lets it go on; what was planned while it paused does not count.
--
-- KEYS: schedule. ARGV: '1' or '0'. Returns 0 when there is none.
--- @include "../../../connection/scripts/parts/clock"

local now = digits(clock())
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '1' then redis.call('HSET', KEYS[1], 'paused', '1')
elseif redis.call('HDEL', KEYS[1], 'paused') == 1 then redis.call('HSET', KEYS[1], 'handledMs', now) end
return 1

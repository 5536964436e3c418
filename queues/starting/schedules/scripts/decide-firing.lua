-- Writes down what will be done about a firing, before it is done. One decision stands at a time:
-- whoever finds one carries it out, so that a crash in the middle doubles nothing and loses nothing.
--
-- KEYS: schedule. ARGV: decision JSON, planned time in ms, '1' when it was asked for by hand.
-- Returns the decision that stands, or nil when the firing is settled or does not count any more.

local schedule, decision, plannedMs, byHand = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local spec, pending, handledMs, paused = unpack(redis.call('HMGET', schedule, 'spec', 'pending', 'handledMs', 'paused'))
if not spec then return nil end
if pending then return pending end
if byHand == '0' and (paused or tonumber(plannedMs) <= tonumber(handledMs)) then return nil end
redis.call('HSET', schedule, 'pending', decision)
return decision

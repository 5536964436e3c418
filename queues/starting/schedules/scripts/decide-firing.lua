-- Stores the decision about a firing before it is carried out. Only one decision is pending at a time, and whoever
-- finds one carries it out. So a crash in the middle neither doubles nor loses anything.
--
-- KEYS: schedule. ARGV: decision JSON, planned time in ms, '1' if it was requested by hand.
-- Returns the pending decision, or nil if the firing is settled or no longer counts.

local schedule, decision, plannedMs, byHand = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local spec, pending, handledMs, paused = unpack(redis.call('HMGET', schedule, 'spec', 'pending', 'handledMs', 'paused'))
if not spec then return nil end
if pending then return pending end
if byHand == '0' and (paused or tonumber(plannedMs) <= tonumber(handledMs)) then return nil end
redis.call('HSET', schedule, 'pending', decision)
return decision

-- Writes down what will be done about a firing, before it is done. One decision stands at a time:
-- whoever finds one carries it out, so that a crash in the middle doubles nothing and loses nothing.
--
-- KEYS: schedule. ARGV: decision JSON, planned time in ms, '1' when it was asked for by hand.
-- Returns the decision that stands, or nil when the firing is settled or does not count any more.

local found = redis.call('HMGET', KEYS[1], 'spec', 'pending', 'handledMs', 'paused')
if not found[1] then return nil end
if found[2] then return found[2] end
if ARGV[3] == '0' and (found[4] or tonumber(ARGV[2]) <= tonumber(found[3])) then return nil end
redis.call('HSET', KEYS[1], 'pending', ARGV[1])
return ARGV[1]

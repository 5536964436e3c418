-- Notes the result of an event for a trigger, once per event.
--
-- KEYS: triggers, trigger. ARGV: trigger id, event id, counter, JSON of what happened.

local all, trigger = KEYS[1], KEYS[2]
local id, event, counter, what = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HEXISTS', all, id) == 0 then return 0 end
if redis.call('HGET', trigger, 'lastEvent') == event then return 0 end
redis.call('HSET', trigger, 'lastEvent', event, 'last', what)
redis.call('HINCRBY', trigger, counter, 1)
return 1

-- Notes what an event made of a trigger, once per event.
--
-- KEYS: triggers, trigger. ARGV: trigger id, event id, counter, JSON of what happened.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HGET', KEYS[2], 'lastEvent') == ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'lastEvent', ARGV[2], 'last', ARGV[4])
redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
return 1

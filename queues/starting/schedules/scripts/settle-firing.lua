-- Notes that a decision was carried out, once.
--
-- KEYS: schedule, history.
-- ARGV: decision JSON, history JSON, planned time in ms or '' when by hand, run id or '', counter, by how
--       much it grows, entries of the history to keep.

if redis.call('HGET', KEYS[1], 'pending') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'pending')
if ARGV[3] ~= '' and tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[1], 'handledMs')) then
  redis.call('HSET', KEYS[1], 'handledMs', ARGV[3])
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'lastRun', ARGV[4]) end
redis.call('HINCRBY', KEYS[1], ARGV[5], ARGV[6])
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[7]) - 1)
return 1

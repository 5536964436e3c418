-- Notes, once, that a decision was carried out.
--
-- KEYS: schedule, history.
-- ARGV: decision JSON, history JSON, planned time in ms or '' if by hand, run id or '', counter, by how much it grows,
-- entries of the history to keep.

local schedule, history = KEYS[1], KEYS[2]
local decision, entry, plannedMs, runId, counter, by, kept = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
if redis.call('HGET', schedule, 'pending') ~= decision then return 0 end
redis.call('HDEL', schedule, 'pending')
if plannedMs ~= '' and tonumber(plannedMs) > tonumber(redis.call('HGET', schedule, 'handledMs')) then
  redis.call('HSET', schedule, 'handledMs', plannedMs)
end
if runId ~= '' then redis.call('HSET', schedule, 'lastRun', runId) end
redis.call('HINCRBY', schedule, counter, by)
redis.call('LPUSH', history, entry)
redis.call('LTRIM', history, 0, tonumber(kept) - 1)
return 1

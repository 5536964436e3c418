/** What a script needs to know the time, in milliseconds, as text. */
const NOW = `
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
`;

/**
 * Writes a schedule. With another timing it begins anew: nothing that was planned before counts.
 *
 * KEYS: schedule, schedules. ARGV: id, spec JSON, timing as text.
 * Returns { 1 when it is new, 1 when its timing is new }.
 */
export const PUT_SCHEDULE_SCRIPT = `
${NOW}
local timing = redis.call('HGET', KEYS[1], 'timing')
local created = timing and 0 or 1
local changed = timing == ARGV[3] and 0 or 1
redis.call('HSET', KEYS[1], 'spec', ARGV[2], 'timing', ARGV[3])
if changed == 1 then redis.call('HSET', KEYS[1], 'anchorMs', now, 'handledMs', now) end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return { created, changed }
`;

/**
 * Pauses a schedule or lets it go on; what was planned while it paused does not count.
 *
 * KEYS: schedule. ARGV: '1' or '0'. Returns 0 when there is none.
 */
export const PAUSE_SCHEDULE_SCRIPT = `
${NOW}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '1' then redis.call('HSET', KEYS[1], 'paused', '1')
elseif redis.call('HDEL', KEYS[1], 'paused') == 1 then redis.call('HSET', KEYS[1], 'handledMs', now) end
return 1
`;

/**
 * Writes down what will be done about a firing, before it is done. One decision stands at a time:
 * whoever finds one carries it out, so that a crash in the middle doubles nothing and loses nothing.
 *
 * KEYS: schedule. ARGV: decision JSON, planned time in ms, '1' when it was asked for by hand.
 * Returns the decision that stands, or nil when the firing is settled or does not count any more.
 */
export const DECIDE_SCRIPT = `
local found = redis.call('HMGET', KEYS[1], 'spec', 'pending', 'handledMs', 'paused')
if not found[1] then return nil end
if found[2] then return found[2] end
if ARGV[3] == '0' and (found[4] or tonumber(ARGV[2]) <= tonumber(found[3])) then return nil end
redis.call('HSET', KEYS[1], 'pending', ARGV[1])
return ARGV[1]
`;

/**
 * Notes that a decision was carried out, once.
 *
 * KEYS: schedule, history.
 * ARGV: decision JSON, history JSON, planned time in ms or '' when by hand, run id or '', counter, by how
 *       much it grows, entries of the history to keep.
 */
export const SETTLE_SCRIPT = `
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
`;

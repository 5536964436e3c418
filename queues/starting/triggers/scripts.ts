/** Writes a trigger. KEYS: triggers. ARGV: id, JSON. Returns 1 when it is new. */
export const PUT_TRIGGER_SCRIPT = `return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])`;

/** Removes a trigger and what was noted of it. KEYS: triggers, trigger. ARGV: id. Returns 0 when there is none. */
export const REMOVE_TRIGGER_SCRIPT = `
redis.call('DEL', KEYS[2])
return redis.call('HDEL', KEYS[1], ARGV[1])
`;

/**
 * Takes the latest event of a debounced trigger for a job. The same job asked again gets the same event,
 * so that a restart neither loses it nor takes the next one.
 *
 * KEYS: trigger. ARGV: job id. Returns the event's JSON, or nil when another job took it.
 */
export const CLAIM_EVENT_SCRIPT = `
local found = redis.call('HMGET', KEYS[1], 'claimedBy', 'claimed', 'latest')
if found[1] == ARGV[1] then return found[2] end
if not found[3] then return nil end
redis.call('HSET', KEYS[1], 'claimedBy', ARGV[1], 'claimed', found[3])
redis.call('HDEL', KEYS[1], 'latest')
return found[3]
`;

/**
 * Notes what an event made of a trigger, once per event.
 *
 * KEYS: triggers, trigger. ARGV: trigger id, event id, counter, JSON of what happened.
 */
export const NOTE_TRIGGER_SCRIPT = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HGET', KEYS[2], 'lastEvent') == ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'lastEvent', ARGV[2], 'last', ARGV[4])
redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
return 1
`;

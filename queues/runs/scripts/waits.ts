import { ADMISSION, SHARED } from "./shared.ts";

/** A run's time stands still while nothing of it can go on. Comes behind {@link SHARED}. */
export const RESUME_CLOCK = `
-- Counts the run as one at work again.
local function resumeClock(key, now)
  local prefix, runId = partsOf(key)
  local facts = redis.call('HMGET', key, 'remainingMs', 'tenant', 'parent')
  if facts[1] then
    redis.call('ZADD', prefix .. '.open', digits(now + tonumber(facts[1])), runId)
    redis.call('HDEL', key, 'remainingMs')
  end
  if not facts[3] then redis.call('SADD', prefix .. '.admitted:' .. facts[2], runId) end
  tend(prefix, runId, AT_WORK, now)
  redis.call('HDEL', key, 'away')
end

-- Stops its time and gives its place to another.
local function stopClock(key, now)
  local prefix, runId = partsOf(key)
  local tenant = redis.call('HGET', key, 'tenant')
  local deadline = tonumber(redis.call('ZSCORE', prefix .. '.open', runId) or 'inf')
  if deadline < math.huge then
    redis.call('HSET', key, 'remainingMs', digits(math.max(0, deadline - now)))
    redis.call('ZADD', prefix .. '.open', '+inf', runId)
  end
  redis.call('SREM', prefix .. '.admitted:' .. tenant, runId)
  redis.call('ZREM', prefix .. '.waiting:' .. tenant, runId)
  redis.call('HDEL', key, 'away')
  tend(prefix, runId, ASIDE, now)
  return tenant
end
`;

/**
 * Parks a run of which every step that could go on waits for somebody outside, unless something has
 * moved since the caller looked.
 *
 * KEYS: record. ARGV: version that the caller saw, cap.
 * Returns the runs that were admitted in its place, or nil when it is not parked.
 */
export const PARK_RUN_SCRIPT = `
${SHARED}${ADMISSION}${RESUME_CLOCK}
local head = redis.call('HMGET', KEYS[1], 'state', 'version')
if head[1] ~= 'running' or head[2] ~= ARGV[1] then return nil end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
local tenant = stopClock(KEYS[1], now)
redis.call('HSET', KEYS[1], 'state', 'parked')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\nparked')
return pump(prefix, tenant, tonumber(ARGV[2]), now)
`;

/**
 * A run of which nothing runs and nothing can start gives its place, unless something has moved since the caller looked.
 * Its time goes on; the first step that would begin takes a place again, or waits for one.
 *
 * KEYS: record. ARGV: cap, then the run (this one, or one that works for it), the field and the record of each step
 * that would be the next, '' for none.
 * Returns the runs that were admitted in its place, or nil when it keeps it.
 */
export const GIVE_PLACE_SCRIPT = `
${SHARED}${ADMISSION}
local head = redis.call('HMGET', KEYS[1], 'state', 'tenant')
if head[1] ~= 'running' and head[1] ~= 'queued' then return nil end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
for i = 2, #ARGV, 3 do
  if (redis.call('HGET', prefix .. '.run:' .. ARGV[i], ARGV[i + 1]) or '') ~= ARGV[i + 2] then return nil end
end
if redis.call('SREM', prefix .. '.admitted:' .. head[2], runId) == 0 then return nil end
redis.call('HSET', KEYS[1], 'away', runId, 'awayCap', ARGV[1])
for i = 2, #ARGV, 3 do redis.call('HSET', prefix .. '.run:' .. ARGV[i], 'away', runId) end
return pump(prefix, head[2], tonumber(ARGV[1]), now)
`;

/**
 * Keeps the decision about a step that waits, or is going to. The first one stands.
 *
 * KEYS: record. ARGV: field of the decision, the decision, field of the step.
 * Returns { 'kept' | 'again' | 'late' | 'gone', state of the run }.
 */
export const DECIDE_SCRIPT = `
${SHARED}
local head = redis.call('HMGET', KEYS[1], 'state', ARGV[3])
if not head[1] then return { 'gone' } end
local letter = head[2] and string.sub(head[2], 1, 1)
if ENDED[head[1]] or head[1] == 'cancelling' or letter == 'C' or letter == 'F' or letter == 'S' or letter == 'X' then
  return { redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 and 'again' or 'late', head[1] }
end
return { redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 and 'kept' or 'again', head[1] }
`;

/**
 * Holds a run: from now on no step of it begins. Those that run go on.
 *
 * KEYS: record. ARGV: cap, actor. Returns JSON of { before, admitted }, or nil when there is no such run.
 */
export const PAUSE_RUN_SCRIPT = `
${SHARED}${ADMISSION}${RESUME_CLOCK}
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return nil end
if state ~= 'queued' and state ~= 'running' and state ~= 'parked' then return cjson.encode({ before = state }) end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
local tenant = stopClock(KEYS[1], now)
redis.call('HSET', KEYS[1], 'state', 'paused', 'pausedBy', ARGV[2])
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\npaused')
return cjson.encode({ before = state, admitted = pump(prefix, tenant, tonumber(ARGV[1]), now) })
`;

/**
 * Lets a paused run go on.
 *
 * KEYS: record. ARGV: cap.
 * Returns JSON of { before, now, parked slots, admitted }, or nil when there is no such run.
 */
export const UNPAUSE_RUN_SCRIPT = `
${SHARED}${ADMISSION}${RESUME_CLOCK}
local head = redis.call('HMGET', KEYS[1], 'state', 'admittedAt', 'startedAt', 'tenant', 'serial')
if not head[1] then return nil end
if head[1] ~= 'paused' then return cjson.encode({ before = head[1], now = head[1] }) end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
local admitted = {}
local after = 'queued'
if head[2] then
  resumeClock(KEYS[1], now)
  if head[3] then after = 'running' else awaitJobs(prefix, runId, now) end
else
  untend(prefix, runId)
  if not head[5] or redis.call('HGET', prefix .. '.serial', head[5]) == runId then
    await(prefix, runId, now)
    admitted = pump(prefix, head[4], tonumber(ARGV[1]), now)
  end
end
redis.call('HSET', KEYS[1], 'state', after)
redis.call('HDEL', KEYS[1], 'pausedBy')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\n' .. after)
local parkedKey = prefix .. '.parked:' .. runId
local parked = redis.call('SMEMBERS', parkedKey)
return cjson.encode({ before = 'paused', now = after, parked = parked, admitted = admitted })
`;

/**
 * Forgets that slots stand aside, for a pause or for a place. Not while the run is held again or has none: they may stand
 * aside for that by now.
 *
 * KEYS: record. ARGV: slots. Returns how many were forgotten.
 */
export const CALLED_BACK_SCRIPT = `
${SHARED}
local head = redis.call('HMGET', KEYS[1], 'state', 'away')
if head[1] == 'paused' then return 0 end
local prefix, runId = partsOf(KEYS[1])
if head[2] and redis.call('HEXISTS', prefix .. '.run:' .. head[2], 'away') == 1 then return 0 end
local removed = 0
for from = 1, #ARGV, 1000 do
  removed = removed + redis.call('SREM', prefix .. '.parked:' .. runId, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return removed
`;

/**
 * Writes the record of a new run, once.
 *
 * KEYS: record, definition, runs, open, tenants, large input.
 * ARGV: run id, definition hash, workflow id, definition JSON or '', identity JSON, input, input hash,
 *       tenant, timeout in ms, large input or ''.
 * Returns { 'created' } | { 'exists', definition hash, input hash, state, epoch } | { 'define' } when the
 * definition has to be sent along.
 */
export const CREATE_RUN_SCRIPT = `
local existing = redis.call('HMGET', KEYS[1], 'def', 'inputHash', 'state', 'epoch')
if existing[1] then return { 'exists', existing[1], existing[2], existing[3], existing[4] } end
if ARGV[4] == '' and redis.call('HEXISTS', KEYS[2], 'json') == 0 then return { 'define' } end
if ARGV[4] ~= '' then redis.call('HSETNX', KEYS[2], 'json', ARGV[4]) end
redis.call('HINCRBY', KEYS[2], 'refs', 1)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'state', 'queued', 'def', ARGV[2], 'workflow', ARGV[3], 'identity', ARGV[5],
  'input', ARGV[6], 'inputHash', ARGV[7], 'epoch', '0', 'submittedAt', stamp)
if ARGV[10] ~= '' then redis.call('SET', KEYS[6], ARGV[10]) end
redis.call('ZADD', KEYS[3], stamp, ARGV[1])
redis.call('ZADD', KEYS[4], string.format('%.0f', now + tonumber(ARGV[9])), ARGV[1])
redis.call('SADD', KEYS[5], ARGV[8])
return { 'created' }
`;

/**
 * Ends a run, once.
 *
 * KEYS: record, open, ended.
 * ARGV: run id, state, output or '', error JSON or '', unmet criteria JSON or '', channel.
 * Returns the state the run has now, or nil when there is no such run.
 */
export const FINISH_RUN_SCRIPT = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return nil end
if state ~= 'queued' and state ~= 'running' and state ~= 'cancelling' then return state end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'finishedAt', now)
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'output', ARGV[3]) end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'error', ARGV[4]) end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'unmet', ARGV[5]) end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('PUBLISH', ARGV[6], 'r\\n' .. ARGV[2])
return ARGV[2]
`;

/**
 * Asks a run to stop: from now on no step of it begins. \`left\` counts the steps that still run, and
 * one for the caller, who gives it back when every step was looked at; who brings it to 0 ends the run.
 *
 * KEYS: record. ARGV: abort JSON, channel, control channel, run id.
 * Returns { state before, state now } or nil when there is no such run.
 */
export const CANCEL_RUN_SCRIPT = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return nil end
if state ~= 'queued' and state ~= 'running' then return { state, state } end
redis.call('HSET', KEYS[1], 'state', 'cancelling', 'abort', ARGV[1], 'left', '1')
redis.call('PUBLISH', ARGV[2], 'r\\ncancelling')
redis.call('PUBLISH', ARGV[3], 'abort\\n' .. ARGV[4] .. '\\n' .. ARGV[1])
return { state, 'cancelling' }
`;

/**
 * Ends the steps that have not begun, or wait for another attempt.
 *
 * A forEach step that waits for its items counts as not begun: it is ended by force.
 *
 * KEYS: record. ARGV: reason, channel, then field, shown name and force ('1' or '0') of each step.
 * Returns the positions of those that are running, counted from 0. Each is added to \`left\` once, and
 * marked (\`w:\`), so that its own ending takes it off again and no other ending does.
 */
export const CANCEL_STEPS_SCRIPT = `
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local running, counted = {}, 0
for at = 3, #ARGV, 3 do
  local before = redis.call('HGET', KEYS[1], ARGV[at])
  local letter = before and string.sub(before, 1, 1)
  if not before or letter == 'B' or (letter == 'R' and ARGV[at + 2] == '1') then
    local start, startedAt, attempts = '0', '', '0'
    if before then
      local _
      _, _, start, startedAt, attempts = string.find(before, '^%a(%d+),(%d*),%d*,(%d+)|')
    end
    local record = 'X' .. start .. ',' .. startedAt .. ',' .. now .. ',' .. attempts .. '|' .. ARGV[1]
    redis.call('HSET', KEYS[1], ARGV[at], record)
    redis.call('PUBLISH', ARGV[2], 's\\n' .. ARGV[at + 1] .. '\\n' .. record)
  elseif letter == 'R' then
    running[#running + 1] = (at - 3) / 3
    counted = counted + redis.call('HSETNX', KEYS[1], 'w' .. string.sub(ARGV[at], 2), '1')
  end
end
redis.call('HINCRBY', KEYS[1], 'left', counted)
return running
`;

/**
 * Forgets a run that has ended, and its definition with the last run that used it.
 *
 * KEYS: record, definition, runs, open, ended done, ended failed. ARGV: run id.
 */
export const FORGET_RUN_SCRIPT = `
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HINCRBY', KEYS[2], 'refs', -1) <= 0 then redis.call('DEL', KEYS[2]) end
end
redis.call('UNLINK', KEYS[1])
for i = 3, 6 do redis.call('ZREM', KEYS[i], ARGV[1]) end
return 1
`;

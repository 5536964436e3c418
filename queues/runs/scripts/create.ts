import { ADMISSION, SHARED } from "./shared.ts";

/**
 * Writes the record of a new run, once, and admits it when its tenant has room.
 *
 * KEYS: record, definition. ARGV: JSON of the run's facts, the definition's JSON or '', the input, the
 * large input or ''.
 * Returns { 'created', its number among the admitted or '', other runs that were admitted ... } | { 'exists', definition hash, input hash, state, epoch }
 * | { 'define' } when the definition has to be sent along.
 */
export const CREATE_RUN_SCRIPT = `
${SHARED}${ADMISSION}
local existing = redis.call('HMGET', KEYS[1], 'def', 'inputHash', 'state', 'epoch')
if existing[1] then return { 'exists', existing[1], existing[2], existing[3], existing[4] } end
if ARGV[2] == '' and redis.call('HEXISTS', KEYS[2], 'json') == 0 then return { 'define' } end
if ARGV[2] ~= '' then redis.call('HSETNX', KEYS[2], 'json', ARGV[2]) end
redis.call('HINCRBY', KEYS[2], 'refs', 1)
local prefix, runId = partsOf(KEYS[1])
local run = cjson.decode(ARGV[1])
local now = clock()
redis.call('HSET', KEYS[1], 'state', 'queued', 'def', run.hash, 'workflow', run.workflowId,
  'identity', run.identity, 'tenant', run.tenant, 'input', ARGV[3], 'inputHash', run.inputHash, 'epoch', '0',
  'submittedAt', digits(now), 'timeoutMs', digits(run.timeoutMs), 'priority', run.priority)
for _, field in ipairs({ 'serial', 'parent', 'listens', 'parks', 'width' }) do
  if run[field] then redis.call('HSET', KEYS[1], field, run[field]) end
end
if ARGV[4] ~= '' then redis.call('SET', prefix .. '.val:' .. runId .. ':input', ARGV[4]) end
for _, event in ipairs(cjson.decode(run.listens or '[]')) do
  redis.call('SADD', prefix .. '.listeners:' .. event, runId)
end
redis.call('ZADD', prefix .. '.runs', digits(now), runId)
redis.call('ZADD', prefix .. '.open', '+inf', runId)
redis.call('SADD', prefix .. '.tenants', run.tenant)
if run.parent then
  admit(prefix, runId, now)
  return { 'created', redis.call('HGET', KEYS[1], 'seq') }
end
if run.serial then
  local holder = prefix .. '.serial'
  if redis.call('HSETNX', holder, run.serial, runId) == 0 then
    redis.call('RPUSH', prefix .. '.serial:' .. run.serial, runId)
    return { 'created', '' }
  end
end
await(prefix, runId, now)
local answer = { 'created', '' }
for _, admitted in ipairs(pump(prefix, run.tenant, run.cap, now)) do
  if admitted == runId then answer[2] = redis.call('HGET', KEYS[1], 'seq') else answer[#answer + 1] = admitted end
end
return answer
`;

/**
 * Admits waiting runs of a tenant. KEYS: none. ARGV: prefix, tenant, how many may be at work.
 * Returns the ids of the runs.
 */
export const ADMIT_SCRIPT = `
${SHARED}${ADMISSION}
return pump(ARGV[1], ARGV[2], tonumber(ARGV[3]), clock())
`;

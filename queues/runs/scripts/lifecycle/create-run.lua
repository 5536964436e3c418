-- Writes the record of a new run, once, and admits it when its tenant has room.
--
-- KEYS: record, definition. ARGV: JSON of the run's facts, the definition's JSON or '', the input, the
-- large input or ''.
-- Returns { 'created', its rank or '' when it waits, other runs that were admitted ... } | { 'exists', definition hash, input hash, state, epoch }
-- | { 'define' } when the definition has to be sent along.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"
--- @include "../parts/admission"
--- @include "../../../gate/scripts/parts/demand"
--- @constant PAYLOAD_VERSION

local record, definition = KEYS[1], KEYS[2]
local facts, definitionJson, input, largeInput = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local def, inputHash, state, epoch = unpack(redis.call('HMGET', record, 'def', 'inputHash', 'state', 'epoch'))
if def then return { 'exists', def, inputHash, state, epoch } end
if definitionJson == '' and redis.call('HEXISTS', definition, 'json') == 0 then return { 'define' } end
if definitionJson ~= '' then redis.call('HSETNX', definition, 'json', definitionJson) end
redis.call('HINCRBY', definition, 'refs', 1)
local prefix, runId = partsOf(record)
local run = cjson.decode(facts)
local now = clock()
-- Most find room and nobody before them: those begin at once, without standing in the line.
local counted = prefix .. '.admitted:' .. run.tenant
local atWork = redis.call('SCARD', counted)
local atOnce = run.parent or (not run.serial and redis.call('EXISTS', prefix .. '.waiting:' .. run.tenant) == 0 and atWork < run.cap)
local fields = { 'state', 'queued', 'def', run.hash, 'workflow', run.workflowId,
  'identity', run.identity, 'tenant', run.tenant, 'input', input, 'inputHash', run.inputHash, 'epoch', '0',
  'submittedAt', digits(now), 'timeoutMs', digits(run.timeoutMs), 'priority', run.priority }
-- Nobody is there to compare with: counting begins again.
if redis.call('EXISTS', prefix .. '.open') == 0 then redis.call('DEL', prefix .. '.fair') end
-- What works for another run is a part of it. Who waits for its turn gets a rank when it begins.
local rank = run.parent and redis.call('HGET', prefix .. '.run:' .. cjson.decode(run.parent).runId, 'rank')
  or (atOnce and rankFor(prefix, run.tenant, tonumber(run.priority), run.target, atWork + 1))
if rank then
  fields[#fields + 1] = 'rank'
  fields[#fields + 1] = rank
end
if not atOnce then
  fields[#fields + 1] = 'demand'
  fields[#fields + 1] = string.format('%.6f', demandOf(prefix, run.calls))
end
for _, field in ipairs({ 'serial', 'parent', 'lanes', 'listens', 'parks', 'width', 'target' }) do
  if run[field] then
    fields[#fields + 1] = field
    fields[#fields + 1] = run[field]
  end
end
if atOnce then
  for _, word in ipairs({ 'admittedAt', digits(now), 'payloads', PAYLOAD_VERSION, 'added', '2' }) do fields[#fields + 1] = word end
  redis.call('HINCRBY', prefix .. '.admissions', run.hash, 1)
  awaitJobs(prefix, runId, now)
  tend(prefix, runId, AT_WORK, now)
  if not run.parent then redis.call('SADD', counted, runId) end
end
redis.call('HSET', record, unpack(fields))
if largeInput ~= '' then redis.call('SET', prefix .. '.val:' .. runId .. ':input', largeInput) end
for _, event in ipairs(run.listens and cjson.decode(run.listens) or {}) do
  redis.call('SADD', prefix .. '.listeners:' .. event, runId)
end
redis.call('ZADD', prefix .. '.runs', digits(now), runId)
redis.call('ZADD', prefix .. '.open', atOnce and digits(now + run.timeoutMs) or '+inf', runId)
redis.call('SADD', prefix .. '.tenants', run.tenant)
if atOnce then return { 'created', rank or '' } end
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
  if admitted == runId then answer[2] = redis.call('HGET', record, 'rank') else answer[#answer + 1] = admitted end
end
return answer

-- Writes the records of new runs, each once, admits those whose tenant has room, and adds their jobs.
--
-- KEYS: record and definition of each run. ARGV: for each run the JSON of its facts, the definition's JSON or '', the
-- input, the large input or '', and the template of its workflow's jobs or ''. facts.flow: { field: the definition's
-- field with the template, texts, mark, words }, see from-template.lua.
-- Returns for each run { 'created', its rank or '' if it waits, '1' if its jobs are there, other runs that were
-- admitted ... } | { 'exists', definition hash, input hash, state, epoch } | { 'define' } if the definition or the
-- template must be sent along | { 'failed', why }.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"
--- @include "../parts/admission"
--- @include "../parts/from-template"
--- @include "../../../gate/scripts/parts/demand"
--- @constant PAYLOAD_VERSION

local now = clock()

local function create(record, definition, facts, definitionJson, input, largeInput, flow)
  local def, inputHash, state, epoch = unpack(redis.call('HMGET', record, 'def', 'inputHash', 'state', 'epoch'))
  if def then return { 'exists', def, inputHash, state, epoch } end
  local run = cjson.decode(facts)
  if definitionJson ~= '' then
    redis.call('HSETNX', definition, 'json', definitionJson)
    if run.flow then redis.call('HSETNX', definition, run.flow.field, flow) end
  else
    -- The definition and its template are stored together.
    if run.flow then flow = redis.call('HGET', definition, run.flow.field) end
    if not flow or (flow == '' and redis.call('HEXISTS', definition, 'json') == 0) then return { 'define' } end
  end
  redis.call('HINCRBY', definition, 'refs', 1)
  local prefix, runId = partsOf(record)
  -- Most runs find room and nobody before them. They begin at once, without standing in the line.
  local counted = prefix .. '.admitted:' .. run.tenant
  local atWork = redis.call('SCARD', counted)
  local atOnce = run.parent or (not run.serial and redis.call('EXISTS', prefix .. '.waiting:' .. run.tenant) == 0 and atWork < run.cap)
  local fields = { 'state', 'queued', 'def', run.hash, 'workflow', run.workflowId,
    'identity', run.identity, 'tenant', run.tenant, 'input', input, 'inputHash', run.inputHash, 'epoch', '0',
    'submittedAt', digits(now), 'timeoutMs', digits(run.timeoutMs), 'priority', run.priority }
  -- There are no open runs to compare with, so counting begins again.
  if redis.call('EXISTS', prefix .. '.open') == 0 then redis.call('DEL', prefix .. '.fair') end
  -- A sub-run has the rank of its parent. A run that waits for its turn gets a rank when it begins.
  local rank = run.parent and redis.call('HGET', prefix .. '.run:' .. cjson.decode(run.parent).runId, 'rank')
    or (atOnce and rankFor(prefix, run.tenant, tonumber(run.priority), run.target, atWork + 1))
  if rank then
    fields[#fields + 1] = 'rank'
    fields[#fields + 1] = rank
  end
  if not atOnce then
    fields[#fields + 1] = 'demand'
    fields[#fields + 1] = string.format('%.6f', demandOf(prefix, run.calls))
    if run.flow then
      fields[#fields + 1] = 'flow'
      fields[#fields + 1] = cjson.encode(run.flow)
    end
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
  if atOnce then
    local isAdded = run.flow and pcall(addFromTemplate, flow, run.flow, runId, rank, now)
    if not isAdded then awaitJobs(prefix, runId, now) end
    return { 'created', rank or '', isAdded and '1' or '' }
  end
  if run.serial then
    local holder = prefix .. '.serial'
    if redis.call('HSETNX', holder, run.serial, runId) == 0 then
      redis.call('RPUSH', prefix .. '.serial:' .. run.serial, runId)
      return { 'created', '', '' }
    end
  end
  await(prefix, runId, now)
  local answer = { 'created', '', '' }
  for _, admitted in ipairs(pump(prefix, run.tenant, run.cap, now)) do
    if admitted == runId then answer[2] = redis.call('HGET', record, 'rank') else answer[#answer + 1] = admitted end
  end
  return answer
end

local answers = {}
for index = 1, #KEYS / 2 do
  local at = (index - 1) * 5
  local done, answer = pcall(create, KEYS[index * 2 - 1], KEYS[index * 2], unpack(ARGV, at + 1, at + 5))
  answers[index] = done and answer or { 'failed', type(answer) == 'table' and answer.err or tostring(answer) }
end
return answers

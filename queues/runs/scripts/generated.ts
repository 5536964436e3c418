// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

const RUNS_PART = `local ENDED = { completed = true, completed_with_unmet_criteria = true, partial = true, failed = true, cancelled = true, timed_out = true }
local function partsOf(key) return string.match(key, '^(.-)%.run:(.*)$') end
`;

const TENDED_PART = `local STOPPING, AT_WORK, ASIDE, KINDS = 0, 1, 2, { 0, 1, 2 }
local function tend(prefix, runId, kind, now)
  redis.call('ZADD', prefix .. '.tended', digits(kind * 10000000000000 + now), runId)
end
local function untend(prefix, runId) redis.call('ZREM', prefix .. '.tended', runId) end
`;

const LINKS_PART = `local function unlink(queue, job, child)
  return redis.call('SREM', queue .. ':' .. job .. ':dependencies', child) == 1
end
local function goOn(queue, job, stamp)
  local key = queue .. ':' .. job
  releaseParent({ key, key .. ':dependencies' }, { queue, job, stamp })
end
`;

const STEP_RECORD_PART = `local now = clock()
local stamp = digits(now)
local MAX_TAKE_OVERS = 500
local OVER = { C = true, F = true, S = true, X = true }
local function channelOf(key)
  local prefix, run = partsOf(key)
  return prefix .. '.events:' .. run
end
local function read(record)
  if not record then return nil end
  local letter, start, startedAt, _, attempts, detail = string.match(record, '^(%a)(%d+),(%d*),(%d*),(%d+)|(.*)$')
  return { letter = letter, start = tonumber(start), startedAt = startedAt, attempts = tonumber(attempts), detail = detail }
end
local function tell(key, field, record)
  local shown = string.gsub(string.sub(field, 3), '%.(%d+)$', '[%1]')
  redis.call('PUBLISH', channelOf(key), 's\\n' .. shown .. '\\n' .. record)
end
local function write(key, field, letter, start, startedAt, finishedAt, attempts, detail)
  local record = letter .. start .. ',' .. startedAt .. ',' .. finishedAt .. ',' .. attempts .. '|' .. detail
  redis.call('HSET', key, field, record)
  tell(key, field, record)
  return record
end
local function holdOf(detail)
  local losses, rest = string.match(detail, '^(%d*)(.*)$')
  local holder, waiting = string.match(rest, '^@([^~]*)~?(%d*)$')
  return tonumber(losses) or 0, holder or '', waiting or ''
end
local function workerOf(holder) return string.match(holder, '^[^#]*') end
local function noteTakeOver(key, slot, attempt, worker)
  local heard = redis.call('ZSCORE', partsOf(key) .. '.workers', worker)
  local all = cjson.decode(redis.call('HGET', key, 'takeOvers') or '[]')
  if #all >= MAX_TAKE_OVERS then table.remove(all, 1) end
  all[#all + 1] = { slot = slot, atMs = now, attempt = attempt, worker = worker, silentMs = heard and math.max(0, now - heard) or nil }
  redis.call('HSET', key, 'takeOvers', cjson.encode(all))
end
`;

const RANKS_PART = `local FIRST, PER_TENANT, PER_LEVEL = 16, 2090, 190
local LAGS = { performance = 12, efficiency = 48, reliability = 24, cost = 60, user_experience = 0, balanced = 36 }
local function lagOf(target) return LAGS[target or 'balanced'] or LAGS['balanced'] end
local function levelOfRank(rank) return math.floor((rank - FIRST) % PER_TENANT / PER_LEVEL) end
local function tenantOf(priority) return priority < FIRST and -1 or math.floor((priority - FIRST) / PER_TENANT) end
local PRIORITY = 4294967296
`;

const ADMISSION_PART = `local function awaitJobs(prefix, runId, now)
  redis.call('ZADD', prefix .. '.adding', digits(now + 3000), runId)
end
local function numberOf(prefix, tenant)
  local fair = prefix .. '.fair'
  local number = redis.call('HGET', fair, 's:' .. tenant)
  if not number then
    number = (redis.call('HINCRBY', fair, 'tenants', 1) - 1) % 1000
    redis.call('HSET', fair, 's:' .. tenant, number)
  end
  return tonumber(number)
end
local function rankFor(prefix, tenant, priority, target, atWork)
  local number = numberOf(prefix, tenant)
  local share = math.max(1, math.ceil(atWork / 32))
  local fair, field = prefix .. '.fair', 'c:' .. number
  local turns = redis.call('HINCRBYFLOAT', fair, field, string.format('%.9f', 1 / share))
  local turn = (math.floor(tonumber(turns)) + lagOf(target)) % PER_LEVEL
  return digits(FIRST + number * PER_TENANT + (11 - priority) * PER_LEVEL + turn)
end
local addJobsOf
local function admit(prefix, runId, now)
  local key = prefix .. '.run:' .. runId
  local facts = redis.call('HMGET', key, 'timeoutMs', 'tenant', 'parent', 'def', 'priority', 'target', 'flow', 'epoch')
  redis.call('HSET', key, 'admittedAt', digits(now), 'payloads', 3, 'added', '2')
  redis.call('ZADD', prefix .. '.open', digits(now + tonumber(facts[1])), runId)
  tend(prefix, runId, AT_WORK, now)
  if facts[4] then redis.call('HINCRBY', prefix .. '.admissions', facts[4], 1) end
  if facts[3] then
    awaitJobs(prefix, runId, now)
    return false
  end
  local atWork = prefix .. '.admitted:' .. facts[2]
  redis.call('SADD', atWork, runId)
  local rank = rankFor(prefix, facts[2], tonumber(facts[5] or '5'), facts[6] or nil, redis.call('SCARD', atWork))
  redis.call('HSET', key, 'rank', rank)
  if facts[7] then
    redis.call('HDEL', key, 'flow')
    if facts[8] == '0' and addJobsOf and addJobsOf(prefix .. '.def:' .. facts[4], facts[7], runId, rank, now) then return true end
  end
  awaitJobs(prefix, runId, now)
  return false
end
local HUNDREDTHS, TAGS, TURNS = 100, 536870912, 1048576
local CLASS = TAGS * TURNS
local function forgetClasses(fair)
  if redis.call('HLEN', fair) < 5000 then return end
  local flat, found = redis.call('HGETALL', fair), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  for field, value in pairs(found) do
    local class = string.match(field, '^f:(.*) [^ ]*$')
    if class and tonumber(value) <= tonumber(found['v:' .. class] or '0') then redis.call('HDEL', fair, field) end
  end
end
local function standInLine(prefix, runId, tenant, priority, tag, now)
  local turn = redis.call('HINCRBY', prefix .. '.fair', 'turns', 1) % TURNS
  local score = (10 - tonumber(priority)) * CLASS + math.floor(tag * HUNDREDTHS) % TAGS * TURNS + turn
  redis.call('ZADD', prefix .. '.waiting:' .. tenant, digits(score), runId)
  redis.call('SADD', prefix .. '.lines', tenant)
  redis.call('HSET', prefix .. '.run:' .. runId, 'awaits', digits(now))
end
local function await(prefix, runId, now)
  local key, fair = prefix .. '.run:' .. runId, prefix .. '.fair'
  local facts = redis.call('HMGET', key, 'tenant', 'priority', 'workflow', 'demand')
  local priority = facts[2] or '5'
  local class = facts[1] .. ' ' .. priority
  local flow = 'f:' .. class .. ' ' .. facts[3]
  local before = redis.call('HMGET', fair, 'v:' .. class, flow)
  local length = math.max(tonumber(facts[4] or '0'), 1 / HUNDREDTHS)
  local tag = math.max(tonumber(before[1] or '0'), tonumber(before[2] or '0')) + length
  redis.call('HSET', fair, flow, string.format('%.6f', tag))
  forgetClasses(fair)
  standInLine(prefix, runId, facts[1], priority, tag, now)
end
local function awaitAgain(prefix, runId, now)
  local facts = redis.call('HMGET', prefix .. '.run:' .. runId, 'tenant', 'priority')
  local priority = facts[2] or '5'
  local tag = tonumber(redis.call('HGET', prefix .. '.fair', 'v:' .. facts[1] .. ' ' .. priority) or '0')
  standInLine(prefix, runId, facts[1], priority, tag, now)
end
local function comeBack(prefix, runId, tenant, now)
  local key = prefix .. '.run:' .. runId
  redis.call('HDEL', key, 'away')
  redis.call('HSET', key, 'returned', '1')
  redis.call('SADD', prefix .. '.admitted:' .. tenant, runId)
  awaitJobs(prefix, runId, now)
end
local function nextWaiting(prefix, tenant, now)
  local key = prefix .. '.waiting:' .. tenant
  local best
  local from = '-inf'
  while true do
    local found = redis.call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not found[1] then break end
    local score = tonumber(found[2])
    local class = math.floor(score / CLASS)
    local since = tonumber(redis.call('HGET', prefix .. '.run:' .. found[1], 'awaits') or '0')
    local risen = class - math.floor(math.max(0, now - since) / 60000)
    if not best or risen < best.risen or (risen == best.risen and since < best.since) then
      best = { run = found[1], risen = risen, since = since, class = class, score = score }
    end
    from = digits((class + 1) * CLASS)
  end
  if not best then return false end
  redis.call('ZREM', key, best.run)
  local v = 'v:' .. tenant .. ' ' .. digits(10 - best.class)
  local tag = math.floor(best.score % CLASS / TURNS) / HUNDREDTHS
  if tag > tonumber(redis.call('HGET', prefix .. '.fair', v) or '0') then redis.call('HSET', prefix .. '.fair', v, tag) end
  return best.run
end
local function pump(prefix, tenant, cap, now, most)
  local admitted = {}
  local line = prefix .. '.waiting:' .. tenant
  if redis.call('EXISTS', line) == 0 then return admitted end
  local free = math.min(cap - redis.call('SCARD', prefix .. '.admitted:' .. tenant), most or math.huge)
  local begun = 0
  while begun < free do
    local found = nextWaiting(prefix, tenant, now)
    if not found then break end
    if redis.call('HEXISTS', prefix .. '.run:' .. found, 'away') == 1 then
      comeBack(prefix, found, tenant, now)
      admitted[#admitted + 1] = found
    elseif not admit(prefix, found, now) then
      admitted[#admitted + 1] = found
    end
    begun = begun + 1
  end
  if begun > 0 and redis.call('EXISTS', line) == 0 then redis.call('SREM', prefix .. '.lines', tenant) end
  return admitted
end
local function takesPlaceAgain(key, root, now)
  local prefix = partsOf(key)
  local rootKey = prefix .. '.run:' .. root
  local facts = redis.call('HMGET', rootKey, 'away', 'awayCap', 'tenant')
  if facts[1] then
    local cap, line = tonumber(facts[2] or 'inf'), prefix .. '.waiting:' .. facts[3]
    if redis.call('EXISTS', line) == 0 and redis.call('SCARD', prefix .. '.admitted:' .. facts[3]) < cap then
      redis.call('HDEL', rootKey, 'away')
      redis.call('SADD', prefix .. '.admitted:' .. facts[3], root)
    else
      if not redis.call('ZSCORE', line, root) then awaitAgain(prefix, root, now) end
      pump(prefix, facts[3], cap, now)
      if redis.call('HEXISTS', rootKey, 'away') == 1 then return false end
    end
  end
  redis.call('HDEL', key, 'away')
  return true
end
`;

const RUN_CLOCK_PART = `local function resumeClock(key, now)
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

const WIDTH_PART = `local WAVE, MAX_WIDTH, SLOW, BAD, KEPT = 5, 256, 1.5, 0.1, 50
local function placesOf(key)
  local prefix, run = partsOf(key)
  return prefix .. '.width:' .. run
end
local function takePlace(key, slot, width)
  if redis.call('HEXISTS', key, 'g:' .. slot) == 1 then return true end
  if tonumber(redis.call('HGET', key, 'busy') or '0') < tonumber(width) then
    redis.call('HINCRBY', key, 'busy', 1)
    redis.call('HSET', key, 'g:' .. slot, '1')
    return true
  end
  redis.call('ZADD', placesOf(key), 'NX', redis.call('HINCRBY', key, 'queued', 1), slot)
  return false
end
local function grantedBy(key, slot)
  return cjson.decode(redis.call('HGET', key, 'G:' .. slot) or '[]')
end
local function leavePlace(key, slot)
  redis.call('ZREM', placesOf(key), slot)
  if redis.call('HDEL', key, 'g:' .. slot) == 0 then return grantedBy(key, slot) end
  local busy = redis.call('HINCRBY', key, 'busy', -1)
  local width = tonumber(redis.call('HGET', key, 'width'))
  local granted = {}
  while busy < width do
    local first = redis.call('ZPOPMIN', placesOf(key))[1]
    if not first then break end
    redis.call('HSET', key, 'g:' .. first, '1')
    busy = redis.call('HINCRBY', key, 'busy', 1)
    granted[#granted + 1] = first
  end
  if #granted > 0 then redis.call('HSET', key, 'G:' .. slot, cjson.encode(granted))
  else redis.call('HDEL', key, 'G:' .. slot) end
  return granted
end
local function p95(list)
  table.sort(list)
  return list[math.ceil(#list * 0.95)]
end
local function learn(key, call, now)
  local width = tonumber(redis.call('HGET', key, 'width'))
  local state = cjson.decode(redis.call('HGET', key, 'aimd') or '{"calls":[],"failed":0,"best":{},"history":[]}')
  state.calls[#state.calls + 1] = { call.tool, call.ms }
  if call.failed then state.failed = state.failed + 1 end
  local count = #state.calls
  if count >= math.max(WAVE, width) then
    local byTool = {}
    for _, one in ipairs(state.calls) do
      byTool[one[1]] = byTool[one[1]] or {}
      table.insert(byTool[one[1]], one[2])
    end
    local reason, change = 'calls are fast and well', 1
    for tool, times in pairs(byTool) do
      local now95 = p95(times)
      local best = state.best[tool]
      if best and now95 > best * SLOW + 1 then
        change, reason = 0.5, 'p95 of ' .. tool .. ' rose from ' .. best .. ' to ' .. now95 .. ' ms'
      end
      if not best or now95 < best then state.best[tool] = now95 end
    end
    if state.failed > count * BAD then change, reason = 0.5, state.failed .. ' of ' .. count .. ' calls failed' end
    local after = change == 1 and math.min(MAX_WIDTH, width + 1) or math.max(1, math.floor(width * change))
    table.insert(state.history, { atMs = now, from = width, to = after, reason = reason, calls = count, failed = state.failed })
    if #state.history > KEPT then table.remove(state.history, 1) end
    redis.call('HSET', key, 'width', tostring(after))
    state.calls, state.failed = {}, 0
  end
  local text = string.gsub(cjson.encode(state), '"calls":{}', '"calls":[]')
  text = string.gsub(string.gsub(text, '"history":{}', '"history":[]'), '"best":%[%]', '"best":{}')
  redis.call('HSET', key, 'aimd', text)
end
`;

const FINISH_PART = `local function finish(record, state, kept, cap, now, more)
  local prefix, runId = partsOf(record)
  local tenant, serial, listens = unpack(redis.call('HMGET', record, 'tenant', 'serial', 'listens'))
  local fields = { 'state', state, 'finishedAt', digits(now) }
  for field, value in pairs(more) do
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  redis.call('HSET', record, unpack(fields))
  redis.call('ZREM', prefix .. '.open', runId)
  redis.call('ZREM', prefix .. '.adding', runId)
  untend(prefix, runId)
  if redis.call('SREM', prefix .. '.admitted:' .. tenant, runId) == 0 then
    redis.call('ZREM', prefix .. '.waiting:' .. tenant, runId)
  end
  redis.call('ZADD', prefix .. '.' .. kept .. ':' .. tenant, digits(now), runId)
  for _, event in ipairs(listens and cjson.decode(listens) or {}) do
    redis.call('SREM', prefix .. '.listeners:' .. event, runId)
  end
  if serial then
    local holder, line = prefix .. '.serial', prefix .. '.serial:' .. serial
    if redis.call('HGET', holder, serial) == runId then
      local follower = redis.call('LPOP', line)
      if follower then
        redis.call('HSET', holder, serial, follower)
        if redis.call('HGET', prefix .. '.run:' .. follower, 'state') == 'queued' then await(prefix, follower, now) end
      else
        redis.call('HDEL', holder, serial)
      end
    else
      redis.call('LREM', line, 1, runId)
    end
  end
  redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\n' .. state)
  return pump(prefix, tenant, cap, now)
end
`;

const FROM_TEMPLATE_PART = `local scripts
local function withoutNulls(list)
  for i = 1, #list do if list[i] == cjson.null then list[i] = nil end end
end
local function addFromTemplate(template, facts, runId, rank, now)
  scripts = scripts or adding()
  local flow = cjson.decode((string.gsub(template, '~(r)' .. facts.mark .. '~', { r = runId })))
  if redis.call('EXISTS', flow.first) == 1 then return end
  for _, link in ipairs(flow.links) do redis.call('SADD', link[1], unpack(link[2])) end
  local marked = '~([tac])' .. facts.mark .. '~'
  for _, call in ipairs(flow.calls) do
    local args = call.args
    local job, _, options = unpack(args)
    if type(job) == 'table' then
      withoutNulls(job)
      job[4] = now
      args[2] = string.gsub(args[2], marked, facts.words)
      if options.priority then options.priority = tonumber(rank) end
    else
      args[3] = now
    end
    local answer = scripts[call.script](call.keys, args)
    if type(answer) == 'number' and answer < 0 then error('a job was not added: ' .. answer) end
  end
end
addJobsOf = function(definition, told, runId, rank, now)
  local facts = cjson.decode(told)
  if facts.texts ~= addingTexts then return false end
  local template = redis.call('HGET', definition, facts.field)
  return template and pcall(addFromTemplate, template, facts, runId, rank, now)
end
`;

const HANDED_ON_PART = `local function meetsOther(key, tenant, isFirst)
  local function other(found) return found[2] and tenantOf(math.floor(tonumber(found[2]) / PRIORITY)) ~= tenant end
  local from = digits(FIRST * PRIORITY)
  if other(redis.call('ZREVRANGEBYSCORE', key, '+inf', from, 'WITHSCORES', 'LIMIT', 0, 1)) then return true end
  if isFirst or tenant == 0 then return false end
  return other(redis.call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1))
end
local function mayHandOn(prefix, queue, machine)
  local told = redis.call('HGET', prefix .. '.gate.alone', machine .. '\\n' .. queue)
  if not told then return false end
  local keys = prefix .. ':' .. queue .. ':'
  if redis.call('HEXISTS', keys .. 'meta', 'paused') == 1 then return false end
  local tenant, order = string.match(told, '^([-%d]+) (%a+)')
  if order == 'arranged' then
    local first = redis.call('ZRANGE', keys .. 'prioritized', 0, 0, 'WITHSCORES')
    if first[2] and tonumber(first[2]) >= FIRST * PRIORITY then return false end
  end
  return not meetsOther(keys .. 'prioritized', tonumber(tenant))
end
`;

const DEMAND_PART = `local function demandOf(prefix, calls)
  local demand = 0
  for _, call in ipairs(calls) do
    local tool, count = call[1], call[2]
    local limits = redis.call('HGET', prefix .. '.gate.tools', tool)
    local service = redis.call('HGET', prefix .. '.gate.service', tool)
    local ms, share = tonumber(service and string.match(service, '^(%S+)') or 1000), 0.05
    limits = limits and cjson.decode(limits) or {}
    if not service and limits.serviceMs then ms = limits.serviceMs end
    for _, millionths in pairs(limits.needs or {}) do share = math.max(share, millionths / 1000000) end
    demand = demand + count * share * ms / 1000
  end
  return demand / math.max(1, redis.call('SCARD', prefix .. '.gate.machines'))
end
`;

export const CANCEL_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}local record, abortJson = KEYS[1], ARGV[1]
local state = redis.call('HGET', record, 'state')
if not state then return nil end
if ENDED[state] or state == 'cancelling' or state == 'compensating' then return { state, state } end
local prefix, runId = partsOf(record)
local abort = cjson.decode(abortJson)
local before = redis.call('HGET', record, 'abort')
if before and cjson.decode(before).compensate then abort.compensate = true end
tend(prefix, runId, STOPPING, clock())
redis.call('HSET', record, 'state', 'cancelling', 'abort', cjson.encode(abort), 'left', '1')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\ncancelling')
redis.call('PUBLISH', prefix .. '.control', 'abort\\n' .. runId .. '\\n' .. abortJson)
return { state, 'cancelling' }
`;

export const CANCEL_SETTLED = `local record = KEYS[1]
return redis.call('HINCRBY', record, 'left', -1)
`;

export const CANCEL_STEPS = `${CLOCK_PART}${RUNS_PART}local run, reason, epoch = KEYS[1], ARGV[1], ARGV[2]
local now = digits(clock())
local prefix, runId = partsOf(run)
local channel = prefix .. '.events:' .. runId
local running, counted = {}, 0
local epochNow, state = unpack(redis.call('HMGET', run, 'epoch', 'state'))
if epochNow ~= epoch then return running end
local counts = state == 'cancelling'
local function failedItems(field)
  local name = string.sub(field, 3)
  local count = tonumber(redis.call('HGET', run, 'n:' .. name) or '0')
  local first, failed = nil, 0
  for from = 0, count - 1, 500 do
    local names = {}
    for item = from, math.min(from + 499, count - 1) do names[#names + 1] = field .. '.' .. item end
    for _, record in ipairs(redis.call('HMGET', run, unpack(names))) do
      if record and string.sub(record, 1, 1) == 'F' then
        first = first or string.match(record, '|(.*)$')
        failed = failed + 1
      end
    end
  end
  return first, failed, count
end
for at = 3, #ARGV, 3 do
  local field, shown, isForced = ARGV[at], ARGV[at + 1], ARGV[at + 2] == '1'
  local before = redis.call('HGET', run, field)
  local letter = before and string.sub(before, 1, 1)
  if not before or letter == 'B' or letter == 'W' or (letter == 'R' and isForced) then
    local start, startedAt, attempts = '0', '', '0'
    if before then
      local _
      _, _, start, startedAt, attempts = string.find(before, '^%a(%d+),(%d*),%d*,(%d+)|')
    end
    local ending, detail = 'X', reason
    if before and isForced then
      local first, failed, count = failedItems(field)
      if first then
        local failure = cjson.decode(first)
        failure.message = failed .. ' of ' .. count .. ' items failed; the first: ' .. failure.message
        ending, detail = 'F', cjson.encode({ code = failure.code, message = failure.message })
      end
    end
    local record = ending .. start .. ',' .. startedAt .. ',' .. now .. ',' .. attempts .. '|' .. detail
    redis.call('HSET', run, field, record)
    redis.call('PUBLISH', channel, 's\\n' .. shown .. '\\n' .. record)
  elseif letter == 'R' then
    running[#running + 1] = (at - 3) / 3
    if counts then counted = counted + redis.call('HSETNX', run, 'w' .. string.sub(field, 2), '1') end
  end
end
if counts then redis.call('HINCRBY', run, 'left', counted) end
return running
`;

export const ADD_FLOW = `if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local answers = {}
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local waitsFor, last = ARGV[at], at + 1 + tonumber(ARGV[at + 1])
  for from = at + 2, last, 1000 do redis.call('SADD', waitsFor, unpack(ARGV, from, math.min(from + 999, last))) end
  at = last + 1
end
while at <= #ARGV do
  local script, numberOfKeys, given = scripts[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local keys, args = {}, {}
  for index = 1, given do
    local text = ARGV[at + 2 + index]
    if index <= numberOfKeys then keys[index] = text else args[index - numberOfKeys] = text end
  end
  answers[#answers + 1] = script(keys, args) or false
  at = at + 3 + given
end
return answers
`;

export const LET_GO = `${CLOCK_PART}${LINKS_PART}local queue, job = ARGV[1], ARGV[2]
for at = 3, #ARGV do unlink(queue, job, ARGV[at]) end
goOn(queue, job, digits(clock()))
return 1
`;

export const REMOVE_JOBS = `local locked = 0
for at = 1, #ARGV, 2 do
  local prefix, job = ARGV[at], ARGV[at + 1]
  redis.call('ZREM', KEYS[1], job)
  if redis.call('EXISTS', prefix .. job) == 1 and remove({ prefix .. job, prefix .. 'repeat' }, { job, '0', prefix }) ~= 1 then
    locked = locked + 1
  end
end
return locked
`;

export const LEDGER = `${CLOCK_PART}${RUNS_PART}${STEP_RECORD_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${RUN_CLOCK_PART}${WIDTH_PART}${FINISH_PART}${FROM_TEMPLATE_PART}${LINKS_PART}${HANDED_ON_PART}local operations = {}
local function isSentAgain(sender, number)
  local last = redis.call('SET', sender, number, 'PX', 60000, 'GET')
  if not last or tonumber(last) < tonumber(number) then return false end
  redis.call('SET', sender, last, 'PX', 60000)
  return true
end
local isResent = isSentAgain(ARGV[2], ARGV[3])
local function addFields(answer, key, fields)
  for from = 1, #fields, 1000 do
    local to = math.min(from + 999, #fields)
    for _, value in ipairs(redis.call('HMGET', key, unpack(fields, from, to))) do answer[#answer + 1] = value end
  end
  return answer
end
local function standAside(key, slot)
  local prefix, run = partsOf(key)
  redis.call('SADD', prefix .. '.parked:' .. run, slot)
end
function operations.begin(key, op)
  local slot, start = op.slot, op.start
  local field = 's:' .. slot
  local state, epoch, ofRun, ofGroup, text, width, parks, added, away = unpack(redis.call('HMGET', key,
    'state', 'epoch', 'abort', 'abort:' .. (op.group or ''), field, 'width', 'parks', 'jobs', 'away'))
  local abort = ofRun or ofGroup
  if not state then return { 'gone' } end
  if epoch ~= tostring(op.epoch) then return { 'fenced' } end
  local status, startedAt, attempts, losses, waiting, speaks = 'go', stamp, 1, 0, '', start
  local own = op.holder or ''
  local holder = own
  local before = read(text)
  if before and OVER[before.letter] then return addFields({ 'done', text, abort }, key, op.fields) end
  if before and before.start > start then return { 'fenced' } end
  if ENDED[state] then return { 'gone' } end
  if not abort then
    if state == 'paused' then
      standAside(key, slot)
      return { 'paused' }
    end
    if away and state ~= 'compensating' and state ~= 'cancelling' and not takesPlaceAgain(key, away, now) then
      standAside(key, slot)
      return { 'away' }
    end
    if op.calls and width and not takePlace(key, slot, width) then return { 'full' } end
  end
  if before then
    startedAt = before.startedAt
    attempts = before.attempts + (before.letter == 'B' and 1 or 0)
    if before.letter == 'R' then
      local held, waits
      losses, held, waits = holdOf(before.detail)
      local isOther = before.start == start and op.once and held ~= own
      if before.start < start or isOther then
        if waits ~= digits(start) then
          losses = losses + 1
          local worker = workerOf(held)
          if worker ~= '' and own ~= '' then noteTakeOver(key, slot, attempts, worker) end
        end
        if op.once then status, speaks, holder, waiting = 'unknown', before.start, held, '~' .. digits(start) end
      end
    end
  end
  local detail = losses > 0 and tostring(losses) or ''
  if holder ~= '' or waiting ~= '' then detail = detail .. '@' .. holder .. waiting end
  text = write(key, field, 'R', speaks, startedAt, '', attempts, detail)
  if state == 'queued' then
    redis.call('HSET', key, 'state', 'running')
    redis.call('HSETNX', key, 'startedAt', stamp)
    if added ~= '1' then
      local prefix, run = partsOf(key)
      redis.call('ZREM', prefix .. '.adding', run)
    end
    redis.call('PUBLISH', channelOf(key), 'r\\nrunning')
  elseif state == 'parked' then
    resumeClock(key, now)
    redis.call('HSET', key, 'state', 'running')
    redis.call('PUBLISH', channelOf(key), 'r\\nrunning')
  end
  if parks then redis.call('HINCRBY', key, 'version', 1) end
  return addFields({ status, text, abort }, key, op.fields)
end
local function follow(links, letter)
  for _, to in ipairs(links.to) do
    local key = to.queue .. ':' .. to.job
    if unlink(to.queue, to.job, links.job) then
      redis.call('HSET', key .. (letter == 'F' and ':failed' or ':processed'), links.job, links.told)
      if to.any and letter == 'C' then redis.call('DEL', key .. ':dependencies') end
      goOn(to.queue, to.job, stamp)
    end
  end
end
local function endRun(key, state, cap)
  if ENDED[state] then return nil end
  local stopped, failed = unpack(redis.call('HMGET', key, 'abort', 'failed'))
  if stopped or failed or state == 'cancelling' or state == 'compensating' then return 'open' end
  return 'ended', finish(key, 'completed', 'done', cap, now, {})
end
function operations.commit(key, op)
  local slot, start = op.slot, op.start
  local field = 's:' .. slot
  local state, epoch, text, left, parks, width, version = unpack(redis.call('HMGET', key,
    'state', 'epoch', field, 'left', 'parks', 'width', 'version'))
  if not state then return { 'gone' } end
  if epoch ~= tostring(op.epoch) then return { 'fenced' } end
  local before = read(text)
  local startedAt = stamp
  if before then
    if OVER[before.letter] then
      local after = {}
      if before.start == start then
        after.left, after.version = tonumber(left), parks and version or nil
        after.granted = width and grantedBy(key, slot) or nil
        if op.ends and not ENDED[state] then after.run = 'open' end
      end
      return { 'done', text, after }
    end
    if before.start > start then return { 'fenced' } end
    startedAt = before.startedAt
  end
  if op.output then
    local outputField = 'o:' .. slot
    local stored, draft = string.match(op.output, '^(@%d+)~(%x+)$')
    if draft then
      local prefix, run = partsOf(key)
      local value = prefix .. '.val:' .. run .. ':' .. outputField
      if redis.call('EXISTS', value .. '~' .. draft) == 1 then
        redis.call('RENAME', value .. '~' .. draft, value)
        redis.call('PERSIST', value)
      end
    end
    redis.call('HSET', key, outputField, stored or op.output)
  end
  for _, one in ipairs(op.aborts or {}) do redis.call('HSETNX', key, one.field, one.abort) end
  if op.dead then
    local tenant, parent = unpack(redis.call('HMGET', key, 'tenant', 'parent'))
    if not parent then
      local prefix, run = partsOf(key)
      local entry = run .. ' ' .. slot
      redis.call('ZADD', prefix .. '.dead', stamp, entry)
      redis.call('ZADD', prefix .. '.dead:' .. tenant, stamp, entry)
    end
  end
  for _, one in ipairs(op.systemic or {}) do
    local count = redis.call('HINCRBY', key, 'systemic:' .. one.field, 1)
    if count >= 3 then redis.call('HSETNX', key, one.field, one.abort) end
  end
  if op.undoable then redis.call('HSET', key, 'c:' .. slot, redis.call('HINCRBY', key, 'completions', 1)) end
  if op.letter == 'F' then redis.call('HSET', key, 'failed', '1') end
  local after = {}
  if left and redis.call('HDEL', key, 'w:' .. slot) == 1 then after.left = redis.call('HINCRBY', key, 'left', -1) end
  if width then
    if op.call then learn(key, op.call, now) end
    after.granted = leavePlace(key, slot)
  end
  if parks then after.version = tostring(redis.call('HINCRBY', key, 'version', 1)) end
  if op.links then follow(op.links, op.letter) end
  text = write(key, field, op.letter, start, startedAt, stamp, op.attempts, op.detail or '')
  if op.ends then after.run, after.admitted = endRun(key, state, op.ends) end
  return { 'ok', text, after }
end
function operations.retry(key, op)
  local slot = op.slot
  local field = 's:' .. slot
  local state, epoch, ofRun, ofGroup, text, width = unpack(redis.call('HMGET', key,
    'state', 'epoch', 'abort', 'abort:' .. (op.group or ''), field, 'width'))
  if not state then return { 'gone' } end
  if epoch ~= tostring(op.epoch) then return { 'fenced' } end
  if (ofRun or ofGroup) and not op.undoes then return { 'abort' } end
  local before = read(text)
  if not before or OVER[before.letter] then return { 'done' } end
  if before.start > op.start then return { 'fenced' } end
  if before.letter == 'B' and before.start == op.start then return { 'ok', unpack(width and grantedBy(key, slot) or {}) } end
  write(key, field, 'B', op.start, before.startedAt, '', op.attempts, op.detail)
  local granted = {}
  if width then
    if op.call then learn(key, op.call, now) end
    granted = leavePlace(key, slot)
  end
  return { 'ok', unpack(granted) }
end
function operations.park(key, op)
  local field = 's:' .. op.slot
  local state, epoch, text, decision, version = unpack(redis.call('HMGET', key,
    'state', 'epoch', field, 'd:' .. op.slot, 'version'))
  if not state then return { 'gone' } end
  if epoch ~= tostring(op.epoch) then return { 'fenced' } end
  local before = read(text)
  if not before or before.start > op.start then return { 'fenced' } end
  local waits = before.letter == 'W' and before.start == op.start
  if before.letter ~= 'R' and not waits then return { 'fenced' } end
  if decision then return { 'decided', decision } end
  if waits then return { 'ok', version or '0' } end
  write(key, field, 'W', op.start, before.startedAt, '', before.attempts, op.detail)
  return { 'ok', tostring(redis.call('HINCRBY', key, 'version', 1)) }
end
function operations.undo(key, op)
  local slot = op.slot
  local field = 's:' .. slot
  local before = read(redis.call('HGET', key, field))
  local limited = redis.call('HEXISTS', key, 'width') == 1
  if before and before.letter == 'R' and op.holder then
    local _, held = holdOf(before.detail)
    if held ~= op.holder then return { 'done' } end
  end
  if not before or before.letter ~= 'R' or before.start ~= op.start then
    return { 'done', unpack(limited and grantedBy(key, slot) or {}) }
  end
  redis.call('HDEL', key, field)
  tell(key, field, '')
  return { 'ok', unpack(limited and leavePlace(key, slot) or {}) }
end
function operations.read(key, op)
  return addFields({}, key, op.fields)
end
local BEGINS = 'b1:'
function operations.learn(key, op)
  if redis.call('HEXISTS', key, 'json') == 1 then redis.call('HSET', key, BEGINS .. op.slot, op.begin) end
  return {}
end
local function beginTaken(taken, prefix, holder)
  local flat = taken[1]
  if type(flat) ~= 'table' then return nil end
  local facts = {}
  for i = 1, #flat, 2 do facts[flat[i]] = flat[i + 1] end
  if facts.ats ~= '1' or (facts.stc or '0') ~= '0' then return nil end
  local job = cjson.decode(facts.data)
  if job.v ~= 3 or job.epoch ~= 0 or not job.stepId then return nil end
  if job.item or job.undo or job.alt or job.handed then return nil end
  local known = redis.call('HGET', prefix .. '.def:' .. job.hash, BEGINS .. job.stepId)
  if not known then return nil end
  local op = cjson.decode(known)
  op.slot, op.start, op.epoch, op.holder = job.stepId, 1, 0, holder
  return operations.begin(prefix .. '.run:' .. job.runId, op)
end
local PLACES = { moveToActive = { queue = 1, options = 3 }, moveToFinished = { queue = 7, options = 8, job = 1, next = 6 } }
local NOTHING = { 0, 0, 0, 0 }
local function takenBefore(op)
  local places = PLACES[op.script]
  local queue, token = op.args[places.queue], op.args[places.options].token
  local ends = places.job and op.args[places.job]
  if ends and redis.call('GET', queue .. ends .. ':lock') == token then return nil end
  for _, job in ipairs(redis.call('LRANGE', op.keys[2], 0, -1)) do
    if redis.call('GET', queue .. job .. ':lock') == token then return { redis.call('HGETALL', queue .. job), job, 0, 0 } end
  end
end
function operations.move(_, op)
  op.args[2] = stamp
  local before = isResent and takenBefore(op)
  local done, answer, refused = true, before, false
  if not before then
    refused = op.handed and not mayHandOn(op.prefix, op.handed.queue, op.handed.machine)
    if refused and op.script == 'moveToActive' then return { NOTHING, false, false, 'ask' } end
    if refused then op.args[PLACES.moveToFinished.next] = '' end
    done, answer = pcall(moves[op.script], op.keys, op.args)
  end
  if not done then return { false, type(answer) == 'table' and answer.err or tostring(answer) } end
  if op.holder and type(answer) == 'table' then
    local fine, begun = pcall(beginTaken, answer, op.prefix, op.holder)
    if fine and begun then return { answer, false, begun } end
  end
  return { answer or false, false, false, refused and 'ask' or nil }
end
local function leavesWork(after)
  return after.run == 'open' or after.left == 0 or after.version
    or (after.granted and #after.granted > 0) or (after.admitted and #after.admitted > 0)
end
local function isWritten(committed, op)
  return committed[1] == 'ok' or (isResent and committed[1] == 'done' and read(committed[2]).start == op.start)
end
operations['end'] = function(key, op)
  local committed = operations.commit(key, op.commit)
  if not isWritten(committed, op.commit) or leavesWork(committed[3]) then return { committed } end
  return { committed, operations.move(key, op.move) }
end
local answers = {}
for index, op in ipairs(cjson.decode(ARGV[1])) do answers[index] = operations[op.op](KEYS[index], op) end
return cjson.encode(answers)
`;

export const ADMIT = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local lines, prefix, cap, most = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local admitted = {}
for i = 4, #ARGV do
  local tenant = ARGV[i]
  local some = pump(prefix, tenant, cap, now, most - #admitted)
  for _, runId in ipairs(some) do admitted[#admitted + 1] = runId end
  if not some[1] and redis.call('EXISTS', prefix .. '.waiting:' .. tenant) == 0 then
    redis.call('SREM', lines, tenant)
  end
end
return admitted
`;

export const BEGIN_UNDO = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}local record, epoch, ending, slots = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local state, epochNow = unpack(redis.call('HMGET', record, 'state', 'epoch'))
if not state then return nil end
if ENDED[state] or state == 'compensating' or epochNow ~= epoch then return state end
local prefix, runId = partsOf(record)
redis.call('HSET', record, 'state', 'compensating', 'ending', ending, 'undoing', slots)
redis.call('ZADD', prefix .. '.open', '+inf', runId)
tend(prefix, runId, STOPPING, clock())
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\ncompensating')
return 'compensating'
`;

export const CREATE_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${FROM_TEMPLATE_PART}${DEMAND_PART}local now = clock()
local function create(record, definition, facts, definitionJson, input, largeInput, flow)
  local def, inputHash, state, epoch = unpack(redis.call('HMGET', record, 'def', 'inputHash', 'state', 'epoch'))
  if def then return { 'exists', def, inputHash, state, epoch } end
  local run = cjson.decode(facts)
  if definitionJson ~= '' then
    redis.call('HSETNX', definition, 'json', definitionJson)
    if run.flow then redis.call('HSETNX', definition, run.flow.field, flow) end
  else
    if run.flow then flow = redis.call('HGET', definition, run.flow.field) end
    if not flow or (flow == '' and redis.call('HEXISTS', definition, 'json') == 0) then return { 'define' } end
  end
  redis.call('HINCRBY', definition, 'refs', 1)
  local prefix, runId = partsOf(record)
  local counted = prefix .. '.admitted:' .. run.tenant
  local atWork = redis.call('SCARD', counted)
  local atOnce = run.parent or (not run.serial and redis.call('EXISTS', prefix .. '.waiting:' .. run.tenant) == 0 and atWork < run.cap)
  local fields = { 'state', 'queued', 'def', run.hash, 'workflow', run.workflowId,
    'identity', run.identity, 'tenant', run.tenant, 'input', input, 'inputHash', run.inputHash, 'epoch', '0',
    'submittedAt', digits(now), 'timeoutMs', digits(run.timeoutMs), 'priority', run.priority }
  if redis.call('EXISTS', prefix .. '.open') == 0 then redis.call('DEL', prefix .. '.fair') end
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
    for _, word in ipairs({ 'admittedAt', digits(now), 'payloads', 3, 'added', '2' }) do fields[#fields + 1] = word end
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
`;

export const DUE = `${CLOCK_PART}local open, adding, limit = KEYS[1], KEYS[2], ARGV[1]
local now = clock()
local overdue = redis.call('ZRANGEBYSCORE', open, '-inf', digits(now), 'LIMIT', 0, limit)
local left = redis.call('ZRANGEBYSCORE', adding, '-inf', digits(now), 'LIMIT', 0, limit)
for _, runId in ipairs(left) do redis.call('ZADD', adding, 'XX', digits(now + 3000), runId) end
return { overdue, left }
`;

export const EXPIRED = `local prefix, doneBefore, failedBefore, keep, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local answer = { 0 }
for i = 6, #ARGV do
  for kind, before in pairs({ done = doneBefore, failed = failedBefore }) do
    local set = prefix .. '.' .. kind .. ':' .. ARGV[i]
    local count = math.max(redis.call('ZCOUNT', set, '-inf', before), redis.call('ZCARD', set) - keep)
    if count > 0 then
      answer[1] = answer[1] + count
      local last = math.min(count, limit) - 1
      if last >= 0 then
        for _, runId in ipairs(redis.call('ZRANGE', set, 0, last)) do answer[#answer + 1] = runId end
      end
    end
  end
end
return answer
`;

export const FIND_OPEN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local lines, prefix = KEYS[1], ARGV[1]
local now = clock()
local found = 0
for i = 2, #ARGV do
  local runId = ARGV[i]
  local state, admittedAt, tenant, serial = unpack(redis.pcall('HMGET', prefix .. '.run:' .. runId, 'state', 'admittedAt', 'tenant', 'serial'))
  if state == 'queued' and not admittedAt then
    local waits = redis.call('ZSCORE', prefix .. '.waiting:' .. tenant, runId)
    if waits then
      found = found + redis.call('SADD', lines, tenant)
    elseif not serial or redis.call('HGET', prefix .. '.serial', serial) == runId then
      await(prefix, runId, now)
      found = found + 1
    end
  elseif state and not ENDED[state] and redis.call('ZSCORE', prefix .. '.waiting:' .. tenant, runId) then
    found = found + redis.call('SADD', lines, tenant)
  elseif state and not ENDED[state] and not redis.call('ZSCORE', prefix .. '.tended', runId) then
    local kind = AT_WORK
    if state == 'cancelling' or state == 'compensating' then kind = STOPPING end
    if state == 'parked' or state == 'paused' then kind = ASIDE end
    tend(prefix, runId, kind, 0)
    found = found + 1
  end
end
return found
`;

export const FINISH_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${FINISH_PART}${FROM_TEMPLATE_PART}local record, endingJson = KEYS[1], ARGV[1]
local state, epoch = unpack(redis.call('HMGET', record, 'state', 'epoch'))
if not state then return nil end
local ending = cjson.decode(endingJson)
if ENDED[state] or epoch ~= tostring(ending.epoch) then return cjson.encode({ state = state }) end
local more = { output = ending.output, error = ending.error, unmet = ending.unmet }
return cjson.encode({ state = ending.state, admitted = finish(record, ending.state, ending.kept, ending.cap, clock(), more) })
`;

export const FORGET_RUN = `${RUNS_PART}local record, definition = KEYS[1], KEYS[2]
local tenant, isLast, each = ARGV[1], ARGV[2], tonumber(ARGV[3])
local prefix, runId = partsOf(record)
for at = 4, 3 + each do redis.call('UNLINK', prefix .. '.items:' .. runId .. ':' .. ARGV[at]) end
for at = 4 + each, #ARGV do
  local slot = ARGV[at]
  redis.call('UNLINK', prefix .. '.val:' .. runId .. ':o:' .. slot)
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. slot)
  redis.call('ZREM', prefix .. '.dead:' .. tenant, runId .. ' ' .. slot)
end
if isLast ~= '1' then return 0 end
if redis.call('EXISTS', record) == 1 then
  if redis.call('HINCRBY', definition, 'refs', -1) <= 0 then redis.call('DEL', definition) end
end
redis.call('UNLINK', record, prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId,
  prefix .. '.val:' .. runId .. ':input', prefix .. '.val:' .. runId .. ':output')
for _, set in ipairs({ '.runs', '.open', '.adding', '.tended', '.done:' .. tenant, '.failed:' .. tenant }) do
  redis.call('ZREM', prefix .. set, runId)
end
return 1
`;

export const REOPEN_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local record, askedJson = KEYS[1], ARGV[1]
local state, epoch, tenant, epochsJson, finishedAt, serial = unpack(redis.call('HMGET', record, 'state', 'epoch', 'tenant', 'epochs', 'finishedAt', 'serial'))
if not state then return nil end
local asked = cjson.decode(askedJson)
if not ENDED[state] or epoch ~= tostring(asked.epoch) then
  return cjson.encode({ state = state, epoch = tonumber(epoch) })
end
local prefix, runId = partsOf(record)
local now = clock()
local gone = { 'abort', 'left', 'output', 'error', 'unmet', 'finishedAt', 'startedAt', 'jobs', 'admittedAt',
  'ending', 'undoing', 'compensation', 'remainingMs', 'busy', 'aimd', 'away', 'returned' }
for _, field in ipairs(asked.fields) do gone[#gone + 1] = field end
for _, slot in ipairs(asked.steps) do
  for _, kind in ipairs({ 's:', 'o:', 'd:', 'c:', 'g:', 'G:', 'w:' }) do gone[#gone + 1] = kind .. slot end
  gone[#gone + 1] = 's:' .. slot .. '.undo'
  gone[#gone + 1] = 'o:' .. slot .. '.undo'
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. slot)
  redis.call('ZREM', prefix .. '.dead:' .. tenant, runId .. ' ' .. slot)
end
for from = 1, #gone, 1000 do redis.call('HDEL', record, unpack(gone, from, math.min(from + 999, #gone))) end
redis.call('DEL', prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId)
local epochs = cjson.decode(epochsJson or '[]')
epochs[#epochs + 1] = { epoch = asked.epoch, state = state, finishedAtMs = tonumber(finishedAt), resumedBy = asked.actor, resumedAtMs = now, steps = asked.count }
redis.call('HSET', record, 'epoch', digits(asked.epoch + 1), 'state', 'queued', 'reopened', asked.reopened, 'epochs', cjson.encode(epochs), 'failed', '1')
if asked.input then redis.call('HSET', record, 'input', asked.input, 'inputHash', asked.inputHash) end
for _, edit in ipairs(asked.edits) do redis.call('HSET', record, edit[1], edit[2]) end
redis.call('ZREM', prefix .. '.done:' .. tenant, runId)
redis.call('ZREM', prefix .. '.failed:' .. tenant, runId)
redis.call('ZADD', prefix .. '.open', '+inf', runId)
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\nqueued')
for _, event in ipairs(cjson.decode(redis.call('HGET', record, 'listens') or '[]')) do
  redis.call('SADD', prefix .. '.listeners:' .. event, runId)
end
local answer = { reopened = asked.epoch + 1, admitted = {} }
if serial and redis.call('HSETNX', prefix .. '.serial', serial, runId) == 0 then
  redis.call('RPUSH', prefix .. '.serial:' .. serial, runId)
else
  await(prefix, runId, now)
  answer.admitted = pump(prefix, tenant, asked.cap, now)
end
return cjson.encode(answer)
`;

export const SET_PRIORITY = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local record, priority = KEYS[1], ARGV[1]
local state, tenant, rankNow, away = unpack(redis.call('HMGET', record, 'state', 'tenant', 'rank', 'away'))
if not state then return nil end
local prefix, runId = partsOf(record)
redis.call('HSET', record, 'priority', priority)
local rank = tonumber(rankNow or '0')
if rank >= FIRST then
  redis.call('HSET', record, 'rank', digits(rank + (11 - tonumber(priority) - levelOfRank(rank)) * PER_LEVEL))
end
if redis.call('ZSCORE', prefix .. '.waiting:' .. tenant, runId) then
  if away then awaitAgain(prefix, runId, clock()) else await(prefix, runId, clock()) end
end
return state
`;

export const TAKE_TENDED = `${CLOCK_PART}${TENDED_PART}local tended, before, limit = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local now = math.max(clock(), before + 1)
local taken = {}
for _, kind in ipairs(KINDS) do
  local from = kind * 10000000000000
  for _, runId in ipairs(redis.call('ZRANGEBYSCORE', tended, digits(from), digits(from + before), 'LIMIT', 0, limit)) do
    redis.call('ZADD', tended, 'XX', digits(from + now), runId)
    taken[#taken + 1] = runId
  end
end
return taken
`;

export const CALLED_BACK = `${RUNS_PART}local record = KEYS[1]
local state, away = unpack(redis.call('HMGET', record, 'state', 'away'))
if state == 'paused' then return 0 end
local prefix, runId = partsOf(record)
if away and redis.call('HEXISTS', prefix .. '.run:' .. away, 'away') == 1 then return 0 end
local removed = 0
for from = 1, #ARGV, 1000 do
  removed = removed + redis.call('SREM', prefix .. '.parked:' .. runId, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return removed
`;

export const DECIDE = `${RUNS_PART}local record, field, decision, step = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local state, stepRecord = unpack(redis.call('HMGET', record, 'state', step))
if not state then return { 'gone' } end
local letter = stepRecord and string.sub(stepRecord, 1, 1)
if ENDED[state] or state == 'cancelling' or letter == 'C' or letter == 'F' or letter == 'S' or letter == 'X' then
  return { redis.call('HEXISTS', record, field) == 1 and 'again' or 'late', state }
end
return { redis.call('HSETNX', record, field, decision) == 1 and 'kept' or 'again', state }
`;

export const GIVE_PLACE = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local record, cap = KEYS[1], ARGV[1]
local state, tenant = unpack(redis.call('HMGET', record, 'state', 'tenant'))
if state ~= 'running' and state ~= 'queued' then return nil end
local now = clock()
local prefix, runId = partsOf(record)
for i = 2, #ARGV, 3 do
  local run, field, seen = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if (redis.call('HGET', prefix .. '.run:' .. run, field) or '') ~= seen then return nil end
end
if redis.call('SREM', prefix .. '.admitted:' .. tenant, runId) == 0 then return nil end
redis.call('HSET', record, 'away', runId, 'awayCap', cap)
for i = 2, #ARGV, 3 do redis.call('HSET', prefix .. '.run:' .. ARGV[i], 'away', runId) end
return pump(prefix, tenant, tonumber(cap), now)
`;

export const PARK_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${RUN_CLOCK_PART}local record, versionSeen, cap = KEYS[1], ARGV[1], ARGV[2]
local state, version = unpack(redis.call('HMGET', record, 'state', 'version'))
if state ~= 'running' or version ~= versionSeen then return nil end
local now = clock()
local prefix, runId = partsOf(record)
local tenant = stopClock(record, now)
redis.call('HSET', record, 'state', 'parked')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\nparked')
return pump(prefix, tenant, tonumber(cap), now)
`;

export const PAUSE_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${RUN_CLOCK_PART}local record, cap, actor = KEYS[1], ARGV[1], ARGV[2]
local state = redis.call('HGET', record, 'state')
if not state then return nil end
if state ~= 'queued' and state ~= 'running' and state ~= 'parked' then return cjson.encode({ before = state }) end
local now = clock()
local prefix, runId = partsOf(record)
local tenant = stopClock(record, now)
redis.call('HSET', record, 'state', 'paused', 'pausedBy', actor)
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\npaused')
return cjson.encode({ before = state, admitted = pump(prefix, tenant, tonumber(cap), now) })
`;

export const UNPAUSE_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${RUN_CLOCK_PART}local record, cap = KEYS[1], ARGV[1]
local state, admittedAt, startedAt, tenant, serial = unpack(redis.call('HMGET', record, 'state', 'admittedAt', 'startedAt', 'tenant', 'serial'))
if not state then return nil end
if state ~= 'paused' then return cjson.encode({ before = state, now = state }) end
local now = clock()
local prefix, runId = partsOf(record)
local admitted = {}
local after = 'queued'
if admittedAt then
  resumeClock(record, now)
  if startedAt then after = 'running' else awaitJobs(prefix, runId, now) end
else
  untend(prefix, runId)
  if not serial or redis.call('HGET', prefix .. '.serial', serial) == runId then
    await(prefix, runId, now)
    admitted = pump(prefix, tenant, tonumber(cap), now)
  end
end
redis.call('HSET', record, 'state', after)
redis.call('HDEL', record, 'pausedBy')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\n' .. after)
local parkedKey = prefix .. '.parked:' .. runId
local parked = redis.call('SMEMBERS', parkedKey)
return cjson.encode({ before = 'paused', now = after, parked = parked, admitted = admitted })
`;

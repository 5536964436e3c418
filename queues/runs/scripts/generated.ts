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

const RANKS_PART = `local FIRST, PER_TENANT, PER_LEVEL = 16, 2090, 190
local LAGS = { performance = 12, efficiency = 48, reliability = 24, cost = 60, user_experience = 0, balanced = 36 }
local function lagOf(target) return LAGS[target or 'balanced'] or LAGS['balanced'] end
local function levelOfRank(rank) return math.floor((rank - FIRST) % PER_TENANT / PER_LEVEL) end
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
local function rankFor(prefix, tenant, priority, target)
  local number = numberOf(prefix, tenant)
  local begun = redis.call('HINCRBY', prefix .. '.fair', 'c:' .. number, 1)
  local turn = (begun + lagOf(target)) % PER_LEVEL
  return digits(FIRST + number * PER_TENANT + (11 - priority) * PER_LEVEL + turn)
end
local function admit(prefix, runId, now)
  local key = prefix .. '.run:' .. runId
  local facts = redis.call('HMGET', key, 'timeoutMs', 'tenant', 'parent', 'def', 'priority', 'target')
  redis.call('HSET', key, 'admittedAt', digits(now))
  redis.call('ZADD', prefix .. '.open', digits(now + tonumber(facts[1])), runId)
  awaitJobs(prefix, runId, now)
  tend(prefix, runId, AT_WORK, now)
  if facts[4] then redis.call('HINCRBY', prefix .. '.admissions', facts[4], 1) end
  if facts[3] then return end
  redis.call('SADD', prefix .. '.admitted:' .. facts[2], runId)
  redis.call('HSET', key, 'rank', rankFor(prefix, facts[2], tonumber(facts[5] or '5'), facts[6] or nil))
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
  while free > 0 do
    local found = nextWaiting(prefix, tenant, now)
    if not found then break end
    if redis.call('HEXISTS', prefix .. '.run:' .. found, 'away') == 1 then
      comeBack(prefix, found, tenant, now)
    else
      admit(prefix, found, now)
    end
    admitted[#admitted + 1] = found
    free = free - 1
  end
  if admitted[1] and redis.call('EXISTS', line) == 0 then redis.call('SREM', prefix .. '.lines', tenant) end
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
  local prefix, run = string.match(key, '^(.-)%.run:(.*)$')
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
  state.calls[#state.calls + 1] = { call[1], call[2] }
  if call[3] == 1 then state.failed = state.failed + 1 end
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

export const CANCEL_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}local state = redis.call('HGET', KEYS[1], 'state')
if not state then return nil end
if ENDED[state] or state == 'cancelling' or state == 'compensating' then return { state, state } end
local prefix, runId = partsOf(KEYS[1])
local abort = cjson.decode(ARGV[1])
local before = redis.call('HGET', KEYS[1], 'abort')
if before and cjson.decode(before).compensate then abort.compensate = true end
tend(prefix, runId, STOPPING, clock())
redis.call('HSET', KEYS[1], 'state', 'cancelling', 'abort', cjson.encode(abort), 'left', '1')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\ncancelling')
redis.call('PUBLISH', prefix .. '.control', 'abort\\n' .. runId .. '\\n' .. ARGV[1])
return { state, 'cancelling' }
`;

export const CANCEL_SETTLED = `return redis.call('HINCRBY', KEYS[1], 'left', -1)
`;

export const CANCEL_STEPS = `${CLOCK_PART}${RUNS_PART}local now = digits(clock())
local prefix, runId = partsOf(KEYS[1])
local channel = prefix .. '.events:' .. runId
local running, counted = {}, 0
local head = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if head[1] ~= ARGV[2] then return running end
local counts = head[2] == 'cancelling'
local function failedItems(field)
  local name = string.sub(field, 3)
  local count = tonumber(redis.call('HGET', KEYS[1], 'n:' .. name) or '0')
  local first, failed = nil, 0
  for from = 0, count - 1, 500 do
    local names = {}
    for item = from, math.min(from + 499, count - 1) do names[#names + 1] = field .. '.' .. item end
    for _, record in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
      if record and string.sub(record, 1, 1) == 'F' then
        first = first or string.match(record, '|(.*)$')
        failed = failed + 1
      end
    end
  end
  return first, failed, count
end
for at = 3, #ARGV, 3 do
  local before = redis.call('HGET', KEYS[1], ARGV[at])
  local letter = before and string.sub(before, 1, 1)
  if not before or letter == 'B' or letter == 'W' or (letter == 'R' and ARGV[at + 2] == '1') then
    local start, startedAt, attempts = '0', '', '0'
    if before then
      local _
      _, _, start, startedAt, attempts = string.find(before, '^%a(%d+),(%d*),%d*,(%d+)|')
    end
    local letter, detail = 'X', ARGV[1]
    if before and ARGV[at + 2] == '1' then
      local first, failed, count = failedItems(ARGV[at])
      if first then
        local failure = cjson.decode(first)
        failure.message = failed .. ' of ' .. count .. ' items failed; the first: ' .. failure.message
        letter, detail = 'F', cjson.encode({ code = failure.code, message = failure.message })
      end
    end
    local record = letter .. start .. ',' .. startedAt .. ',' .. now .. ',' .. attempts .. '|' .. detail
    redis.call('HSET', KEYS[1], ARGV[at], record)
    redis.call('PUBLISH', channel, 's\\n' .. ARGV[at + 1] .. '\\n' .. record)
  elseif letter == 'R' then
    running[#running + 1] = (at - 3) / 3
    if counts then counted = counted + redis.call('HSETNX', KEYS[1], 'w' .. string.sub(ARGV[at], 2), '1') end
  end
end
if counts then redis.call('HINCRBY', KEYS[1], 'left', counted) end
return running
`;

export const ADD_FLOW = `if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local answers = {}
local at = 1
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

export const LEDGER = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${RUN_CLOCK_PART}${WIDTH_PART}local now = clock()
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
local function readInto(answer, key, a, from)
  while from <= #a do
    local to = math.min(from + 999, #a)
    for _, value in ipairs(redis.call('HMGET', key, unpack(a, from, to))) do answer[#answer + 1] = value end
    from = to + 1
  end
  return answer
end
local operations = {}
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
function operations.begin(key, a)
  local field, start = a[2], a[3]
  local head = redis.call('HMGET', key, 'state', 'epoch', 'abort', 'abort:' .. a[6], field, 'width', 'parks', 'added', 'away')
  local state, abort, text = head[1], head[3] or head[4], head[5]
  if not state then return { 'gone' } end
  if head[2] ~= tostring(a[4]) then return { 'fenced' } end
  local status, startedAt, attempts, losses, holder, waiting, speaks = 'go', stamp, 1, 0, a[8], '', start
  local before = read(text)
  if before and OVER[before.letter] then return readInto({ 'done', text, abort }, key, a, 9) end
  if before and before.start > start then return { 'fenced' } end
  if ENDED[state] then return { 'gone' } end
  if not abort then
    if state == 'paused' then
      local prefix, run = partsOf(key)
      redis.call('SADD', prefix .. '.parked:' .. run, string.sub(field, 3))
      return { 'paused' }
    end
    if head[9] and state ~= 'compensating' and state ~= 'cancelling' and not takesPlaceAgain(key, head[9], now) then
      local prefix, run = partsOf(key)
      redis.call('SADD', prefix .. '.parked:' .. run, string.sub(field, 3))
      return { 'away' }
    end
    if a[7] == 1 and head[6] and not takePlace(key, string.sub(field, 3), head[6]) then return { 'full' } end
  end
  if before then
    startedAt = before.startedAt
    attempts = before.attempts + (before.letter == 'B' and 1 or 0)
    if before.letter == 'R' then
      local held, waits
      losses, held, waits = holdOf(before.detail)
      local isOther = before.start == start and a[5] == 1 and held ~= a[8]
      if before.start < start or isOther then
        if waits ~= digits(start) then
          losses = losses + 1
          local worker = workerOf(held)
          if worker ~= '' and a[8] ~= '' then noteTakeOver(key, string.sub(field, 3), attempts, worker) end
        end
        if a[5] == 1 then status, speaks, holder, waiting = 'unknown', before.start, held, '~' .. digits(start) end
      end
    end
  end
  local detail = losses > 0 and tostring(losses) or ''
  if holder ~= '' or waiting ~= '' then detail = detail .. '@' .. holder .. waiting end
  text = write(key, field, 'R', speaks, startedAt, '', attempts, detail)
  if state == 'queued' then
    redis.call('HSET', key, 'state', 'running')
    redis.call('HSETNX', key, 'startedAt', stamp)
    if head[8] ~= '1' then
      local prefix, run = partsOf(key)
      redis.call('ZREM', prefix .. '.adding', run)
    end
    redis.call('PUBLISH', channelOf(key), 'r\\nrunning')
  elseif state == 'parked' then
    resumeClock(key, now)
    redis.call('HSET', key, 'state', 'running')
    redis.call('PUBLISH', channelOf(key), 'r\\nrunning')
  end
  if head[7] then redis.call('HINCRBY', key, 'version', 1) end
  return readInto({ status, text, abort }, key, a, 9)
end
function operations.commit(key, a)
  local field, start, more = a[2], a[3], a[10] or {}
  local head = redis.call('HMGET', key, 'state', 'epoch', field, 'left', 'parks', 'width', 'version')
  if not head[1] then return { 'gone' } end
  if head[2] ~= tostring(a[4]) then return { 'fenced' } end
  local before = read(head[3])
  local startedAt = stamp
  if before then
    if OVER[before.letter] then
      local own = before.start == start
      return { 'done', head[3], own and head[4] or '', own and head[5] and head[7] or '',
        unpack(own and head[6] and grantedBy(key, string.sub(field, 3)) or {}) }
    end
    if before.start > start then return { 'fenced' } end
    startedAt = before.startedAt
  end
  local slot = string.sub(field, 3)
  if a[8] ~= '' then
    local stored, draft = string.match(a[9], '^(@%d+)~(%x+)$')
    if draft then
      local prefix, run = partsOf(key)
      local value = prefix .. '.val:' .. run .. ':' .. a[8]
      if redis.call('EXISTS', value .. '~' .. draft) == 1 then
        redis.call('RENAME', value .. '~' .. draft, value)
        redis.call('PERSIST', value)
      end
    end
    redis.call('HSET', key, a[8], stored or a[9])
  end
  for _, one in ipairs(more.aborts or {}) do redis.call('HSETNX', key, one[1], one[2]) end
  if more.dead then
    local facts = redis.call('HMGET', key, 'tenant', 'parent')
    if not facts[2] then
      local prefix, run = partsOf(key)
      local entry = run .. ' ' .. slot
      redis.call('ZADD', prefix .. '.dead', stamp, entry)
      redis.call('ZADD', prefix .. '.dead:' .. facts[1], stamp, entry)
    end
  end
  for _, one in ipairs(more.systemic or {}) do
    local count = redis.call('HINCRBY', key, 'systemic:' .. one[1], 1)
    if count >= 3 then redis.call('HSETNX', key, one[1], one[2]) end
  end
  if more.undo then redis.call('HSET', key, 'c:' .. slot, redis.call('HINCRBY', key, 'completions', 1)) end
  local left, version, granted = '', '', {}
  if head[4] and redis.call('HDEL', key, 'w' .. string.sub(field, 2)) == 1 then
    left = tostring(redis.call('HINCRBY', key, 'left', -1))
  end
  if head[6] then
    if more.call then learn(key, more.call, now) end
    granted = leavePlace(key, slot)
  end
  if head[5] then version = tostring(redis.call('HINCRBY', key, 'version', 1)) end
  return { 'ok', write(key, field, a[5], start, startedAt, stamp, a[6], a[7]), left, version, unpack(granted) }
end
function operations.retry(key, a)
  local head = redis.call('HMGET', key, 'state', 'epoch', 'abort', 'abort:' .. a[5], a[2], 'width')
  if not head[1] then return { 'gone' } end
  if head[2] ~= tostring(a[4]) then return { 'fenced' } end
  if (head[3] or head[4]) and a[9] ~= 1 then return { 'abort' } end
  local before = read(head[5])
  if not before or OVER[before.letter] then return { 'done' } end
  if before.start > a[3] then return { 'fenced' } end
  if before.letter == 'B' and before.start == a[3] then
    return { 'ok', unpack(head[6] and grantedBy(key, string.sub(a[2], 3)) or {}) }
  end
  write(key, a[2], 'B', a[3], before.startedAt, '', a[6], a[7])
  local granted = {}
  if head[6] then
    if a[8] then learn(key, a[8], now) end
    granted = leavePlace(key, string.sub(a[2], 3))
  end
  return { 'ok', unpack(granted) }
end
function operations.park(key, a)
  local head = redis.call('HMGET', key, 'state', 'epoch', a[2], a[6], 'version')
  if not head[1] then return { 'gone' } end
  if head[2] ~= tostring(a[4]) then return { 'fenced' } end
  local before = read(head[3])
  if not before or before.start > a[3] then return { 'fenced' } end
  local waits = before.letter == 'W' and before.start == a[3]
  if before.letter ~= 'R' and not waits then return { 'fenced' } end
  if head[4] then return { 'decided', head[4] } end
  if waits then return { 'ok', head[5] or '0' } end
  write(key, a[2], 'W', a[3], before.startedAt, '', before.attempts, a[5])
  return { 'ok', tostring(redis.call('HINCRBY', key, 'version', 1)) }
end
function operations.undo(key, a)
  local before = read(redis.call('HGET', key, a[2]))
  local limited = redis.call('HEXISTS', key, 'width') == 1
  if before and before.letter == 'R' and a[4] ~= '' then
    local _, held = holdOf(before.detail)
    if held ~= a[4] then return { 'done' } end
  end
  if not before or before.letter ~= 'R' or before.start ~= a[3] then
    return { 'done', unpack(limited and grantedBy(key, string.sub(a[2], 3)) or {}) }
  end
  redis.call('HDEL', key, a[2])
  tell(key, a[2], '')
  return { 'ok', unpack(limited and leavePlace(key, string.sub(a[2], 3)) or {}) }
end
function operations.read(key, a)
  return readInto({}, key, a, 2)
end
local answers = {}
local asked = cjson.decode(ARGV[1])
for index, key in ipairs(KEYS) do answers[index] = operations[asked[index][1]](key, asked[index]) end
return cjson.encode(answers)
`;

export const ADMIT = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local prefix, now, most = ARGV[1], clock(), tonumber(ARGV[3])
local admitted = {}
for i = 4, #ARGV do
  local some = pump(prefix, ARGV[i], tonumber(ARGV[2]), now, most - #admitted)
  for _, runId in ipairs(some) do admitted[#admitted + 1] = runId end
  if not some[1] and redis.call('EXISTS', prefix .. '.waiting:' .. ARGV[i]) == 0 then
    redis.call('SREM', KEYS[1], ARGV[i])
  end
end
return admitted
`;

export const BEGIN_UNDO = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}local head = redis.call('HMGET', KEYS[1], 'state', 'epoch')
if not head[1] then return nil end
if ENDED[head[1]] or head[1] == 'compensating' or head[2] ~= ARGV[1] then return head[1] end
local prefix, runId = partsOf(KEYS[1])
redis.call('HSET', KEYS[1], 'state', 'compensating', 'ending', ARGV[2], 'undoing', ARGV[3])
redis.call('ZADD', prefix .. '.open', '+inf', runId)
tend(prefix, runId, STOPPING, clock())
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\ncompensating')
return 'compensating'
`;

export const CREATE_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${DEMAND_PART}local existing = redis.call('HMGET', KEYS[1], 'def', 'inputHash', 'state', 'epoch')
if existing[1] then return { 'exists', existing[1], existing[2], existing[3], existing[4] } end
if ARGV[2] == '' and redis.call('HEXISTS', KEYS[2], 'json') == 0 then return { 'define' } end
if ARGV[2] ~= '' then redis.call('HSETNX', KEYS[2], 'json', ARGV[2]) end
redis.call('HINCRBY', KEYS[2], 'refs', 1)
local prefix, runId = partsOf(KEYS[1])
local run = cjson.decode(ARGV[1])
local now = clock()
local counted = prefix .. '.admitted:' .. run.tenant
local atOnce = run.parent or (not run.serial and redis.call('EXISTS', prefix .. '.waiting:' .. run.tenant) == 0
  and redis.call('SCARD', counted) < run.cap)
local fields = { 'state', 'queued', 'def', run.hash, 'workflow', run.workflowId,
  'identity', run.identity, 'tenant', run.tenant, 'input', ARGV[3], 'inputHash', run.inputHash, 'epoch', '0',
  'submittedAt', digits(now), 'timeoutMs', digits(run.timeoutMs), 'priority', run.priority }
if redis.call('EXISTS', prefix .. '.open') == 0 then redis.call('DEL', prefix .. '.fair') end
local rank = run.parent and redis.call('HGET', prefix .. '.run:' .. cjson.decode(run.parent).runId, 'rank')
  or (atOnce and rankFor(prefix, run.tenant, tonumber(run.priority), run.target))
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
  for _, word in ipairs({ 'admittedAt', digits(now) }) do fields[#fields + 1] = word end
  redis.call('HINCRBY', prefix .. '.admissions', run.hash, 1)
  awaitJobs(prefix, runId, now)
  tend(prefix, runId, AT_WORK, now)
  if not run.parent then redis.call('SADD', counted, runId) end
end
redis.call('HSET', KEYS[1], unpack(fields))
if ARGV[4] ~= '' then redis.call('SET', prefix .. '.val:' .. runId .. ':input', ARGV[4]) end
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
  if admitted == runId then answer[2] = redis.call('HGET', KEYS[1], 'rank') else answer[#answer + 1] = admitted end
end
return answer
`;

export const DUE = `${CLOCK_PART}local now = clock()
local overdue = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', digits(now), 'LIMIT', 0, ARGV[1])
local left = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', digits(now), 'LIMIT', 0, ARGV[1])
for _, runId in ipairs(left) do redis.call('ZADD', KEYS[2], 'XX', digits(now + 3000), runId) end
return { overdue, left }
`;

export const EXPIRED = `local prefix, keep, limit = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local answer = { 0 }
for i = 6, #ARGV do
  for kind, before in pairs({ done = ARGV[2], failed = ARGV[3] }) do
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

export const FIND_OPEN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local prefix, now = ARGV[1], clock()
local found = 0
for i = 2, #ARGV do
  local runId = ARGV[i]
  local facts = redis.pcall('HMGET', prefix .. '.run:' .. runId, 'state', 'admittedAt', 'tenant', 'serial')
  local state = facts[1]
  if state == 'queued' and not facts[2] then
    local waits = redis.call('ZSCORE', prefix .. '.waiting:' .. facts[3], runId)
    if waits then
      found = found + redis.call('SADD', KEYS[1], facts[3])
    elseif not facts[4] or redis.call('HGET', prefix .. '.serial', facts[4]) == runId then
      await(prefix, runId, now)
      found = found + 1
    end
  elseif state and not ENDED[state] and redis.call('ZSCORE', prefix .. '.waiting:' .. facts[3], runId) then
    found = found + redis.call('SADD', KEYS[1], facts[3])
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

export const FINISH_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local head = redis.call('HMGET', KEYS[1], 'state', 'epoch', 'tenant', 'serial', 'listens')
if not head[1] then return nil end
local ending = cjson.decode(ARGV[1])
if ENDED[head[1]] or head[2] ~= tostring(ending.epoch) then return cjson.encode({ state = head[1] }) end
local prefix, runId = partsOf(KEYS[1])
local now = clock()
local fields = { 'state', ending.state, 'finishedAt', digits(now) }
for _, field in ipairs({ 'output', 'error', 'unmet' }) do
  if ending[field] then
    fields[#fields + 1] = field
    fields[#fields + 1] = ending[field]
  end
end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('ZREM', prefix .. '.open', runId)
redis.call('ZREM', prefix .. '.adding', runId)
untend(prefix, runId)
if redis.call('SREM', prefix .. '.admitted:' .. head[3], runId) == 0 then
  redis.call('ZREM', prefix .. '.waiting:' .. head[3], runId)
end
redis.call('ZADD', prefix .. '.' .. ending.kept .. ':' .. head[3], digits(now), runId)
for _, event in ipairs(head[5] and cjson.decode(head[5]) or {}) do
  redis.call('SREM', prefix .. '.listeners:' .. event, runId)
end
if head[4] then
  local holder, line = prefix .. '.serial', prefix .. '.serial:' .. head[4]
  if redis.call('HGET', holder, head[4]) == runId then
    local follower = redis.call('LPOP', line)
    if follower then
      redis.call('HSET', holder, head[4], follower)
      if redis.call('HGET', prefix .. '.run:' .. follower, 'state') == 'queued' then await(prefix, follower, now) end
    else
      redis.call('HDEL', holder, head[4])
    end
  else
    redis.call('LREM', line, 1, runId)
  end
end
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\n' .. ending.state)
return cjson.encode({ state = ending.state, admitted = pump(prefix, head[3], ending.cap, now) })
`;

export const FORGET_RUN = `${RUNS_PART}local prefix, runId = partsOf(KEYS[1])
local each = tonumber(ARGV[3])
for at = 4, 3 + each do redis.call('UNLINK', prefix .. '.items:' .. runId .. ':' .. ARGV[at]) end
for at = 4 + each, #ARGV do
  redis.call('UNLINK', prefix .. '.val:' .. runId .. ':o:' .. ARGV[at])
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. ARGV[at])
  redis.call('ZREM', prefix .. '.dead:' .. ARGV[1], runId .. ' ' .. ARGV[at])
end
if ARGV[2] ~= '1' then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HINCRBY', KEYS[2], 'refs', -1) <= 0 then redis.call('DEL', KEYS[2]) end
end
redis.call('UNLINK', KEYS[1], prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId,
  prefix .. '.val:' .. runId .. ':input', prefix .. '.val:' .. runId .. ':output')
for _, set in ipairs({ '.runs', '.open', '.adding', '.tended', '.done:' .. ARGV[1], '.failed:' .. ARGV[1] }) do
  redis.call('ZREM', prefix .. set, runId)
end
return 1
`;

export const REOPEN_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local head = redis.call('HMGET', KEYS[1], 'state', 'epoch', 'tenant', 'epochs', 'finishedAt', 'serial')
if not head[1] then return nil end
local asked = cjson.decode(ARGV[1])
if not ENDED[head[1]] or head[2] ~= tostring(asked.epoch) then
  return cjson.encode({ state = head[1], epoch = tonumber(head[2]) })
end
local prefix, runId = partsOf(KEYS[1])
local now = clock()
local gone = { 'abort', 'left', 'output', 'error', 'unmet', 'finishedAt', 'startedAt', 'added', 'admittedAt',
  'ending', 'undoing', 'compensation', 'remainingMs', 'busy', 'aimd', 'away', 'returned' }
for _, field in ipairs(asked.fields) do gone[#gone + 1] = field end
for _, slot in ipairs(asked.steps) do
  for _, kind in ipairs({ 's:', 'o:', 'd:', 'c:', 'g:', 'G:', 'w:' }) do gone[#gone + 1] = kind .. slot end
  gone[#gone + 1] = 's:' .. slot .. '.undo'
  gone[#gone + 1] = 'o:' .. slot .. '.undo'
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. slot)
  redis.call('ZREM', prefix .. '.dead:' .. head[3], runId .. ' ' .. slot)
end
for from = 1, #gone, 1000 do redis.call('HDEL', KEYS[1], unpack(gone, from, math.min(from + 999, #gone))) end
redis.call('DEL', prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId)
local epochs = cjson.decode(head[4] or '[]')
epochs[#epochs + 1] = { epoch = asked.epoch, state = head[1], finishedAtMs = tonumber(head[5]), resumedBy = asked.actor, resumedAtMs = now, steps = asked.count }
redis.call('HSET', KEYS[1], 'epoch', digits(asked.epoch + 1), 'state', 'queued', 'reopened', asked.reopened, 'epochs', cjson.encode(epochs))
if asked.input then redis.call('HSET', KEYS[1], 'input', asked.input, 'inputHash', asked.inputHash) end
for _, edit in ipairs(asked.edits) do redis.call('HSET', KEYS[1], edit[1], edit[2]) end
redis.call('ZREM', prefix .. '.done:' .. head[3], runId)
redis.call('ZREM', prefix .. '.failed:' .. head[3], runId)
redis.call('ZADD', prefix .. '.open', '+inf', runId)
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\nqueued')
for _, event in ipairs(cjson.decode(redis.call('HGET', KEYS[1], 'listens') or '[]')) do
  redis.call('SADD', prefix .. '.listeners:' .. event, runId)
end
local answer = { reopened = asked.epoch + 1, admitted = {} }
if head[6] and redis.call('HSETNX', prefix .. '.serial', head[6], runId) == 0 then
  redis.call('RPUSH', prefix .. '.serial:' .. head[6], runId)
else
  await(prefix, runId, now)
  answer.admitted = pump(prefix, head[3], asked.cap, now)
end
return cjson.encode(answer)
`;

export const SET_PRIORITY = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local head = redis.call('HMGET', KEYS[1], 'state', 'tenant', 'rank', 'away')
if not head[1] then return nil end
local prefix, runId = partsOf(KEYS[1])
redis.call('HSET', KEYS[1], 'priority', ARGV[1])
local rank = tonumber(head[3] or '0')
if rank >= FIRST then
  redis.call('HSET', KEYS[1], 'rank', digits(rank + (11 - tonumber(ARGV[1]) - levelOfRank(rank)) * PER_LEVEL))
end
if redis.call('ZSCORE', prefix .. '.waiting:' .. head[2], runId) then
  if head[4] then awaitAgain(prefix, runId, clock()) else await(prefix, runId, clock()) end
end
return head[1]
`;

export const TAKE_TENDED = `${CLOCK_PART}${TENDED_PART}local before = tonumber(ARGV[1])
local now = math.max(clock(), before + 1)
local taken = {}
for _, kind in ipairs(KINDS) do
  local from = kind * 10000000000000
  for _, runId in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], digits(from), digits(from + before), 'LIMIT', 0, ARGV[2])) do
    redis.call('ZADD', KEYS[1], 'XX', digits(from + now), runId)
    taken[#taken + 1] = runId
  end
end
return taken
`;

export const CALLED_BACK = `${RUNS_PART}local head = redis.call('HMGET', KEYS[1], 'state', 'away')
if head[1] == 'paused' then return 0 end
local prefix, runId = partsOf(KEYS[1])
if head[2] and redis.call('HEXISTS', prefix .. '.run:' .. head[2], 'away') == 1 then return 0 end
local removed = 0
for from = 1, #ARGV, 1000 do
  removed = removed + redis.call('SREM', prefix .. '.parked:' .. runId, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return removed
`;

export const DECIDE = `${RUNS_PART}local head = redis.call('HMGET', KEYS[1], 'state', ARGV[3])
if not head[1] then return { 'gone' } end
local letter = head[2] and string.sub(head[2], 1, 1)
if ENDED[head[1]] or head[1] == 'cancelling' or letter == 'C' or letter == 'F' or letter == 'S' or letter == 'X' then
  return { redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 and 'again' or 'late', head[1] }
end
return { redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 and 'kept' or 'again', head[1] }
`;

export const GIVE_PLACE = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}local head = redis.call('HMGET', KEYS[1], 'state', 'tenant')
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

export const PARK_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${RUN_CLOCK_PART}local head = redis.call('HMGET', KEYS[1], 'state', 'version')
if head[1] ~= 'running' or head[2] ~= ARGV[1] then return nil end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
local tenant = stopClock(KEYS[1], now)
redis.call('HSET', KEYS[1], 'state', 'parked')
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\nparked')
return pump(prefix, tenant, tonumber(ARGV[2]), now)
`;

export const PAUSE_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${RUN_CLOCK_PART}local state = redis.call('HGET', KEYS[1], 'state')
if not state then return nil end
if state ~= 'queued' and state ~= 'running' and state ~= 'parked' then return cjson.encode({ before = state }) end
local now = clock()
local prefix, runId = partsOf(KEYS[1])
local tenant = stopClock(KEYS[1], now)
redis.call('HSET', KEYS[1], 'state', 'paused', 'pausedBy', ARGV[2])
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\npaused')
return cjson.encode({ before = state, admitted = pump(prefix, tenant, tonumber(ARGV[1]), now) })
`;

export const UNPAUSE_RUN = `${CLOCK_PART}${RUNS_PART}${TENDED_PART}${RANKS_PART}${ADMISSION_PART}${RUN_CLOCK_PART}local head = redis.call('HMGET', KEYS[1], 'state', 'admittedAt', 'startedAt', 'tenant', 'serial')
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

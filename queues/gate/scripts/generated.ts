// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

const CLOCK_PART = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
`;

const OWED_PART = `local owed, sums, samples = {}, {}, { key = false }
local function owe(key, field, was, value, stays)
  local fields = owed[key]
  if not fields then
    fields = {}
    owed[key] = fields
  end
  local one = fields[field]
  if not one then
    one = { was = was, stays = stays }
    fields[field] = one
  end
  one.value = value
end
local function add(key, field, by)
  local fields = sums[key]
  if not fields then
    fields = {}
    sums[key] = fields
  end
  fields[field] = (fields[field] or 0) + by
end
local function settle()
  for key, fields in pairs(owed) do
    local set, gone = {}, {}
    for field, one in pairs(fields) do
      if one.value ~= one.was then
        if one.value == 0 and not one.stays then
          gone[#gone + 1] = field
        else
          set[#set + 1] = field
          set[#set + 1] = type(one.value) == 'number' and digits(one.value) or one.value
        end
      end
    end
    for from = 1, #set, 1000 do redis.call('HSET', key, unpack(set, from, math.min(from + 999, #set))) end
    for from = 1, #gone, 1000 do redis.call('HDEL', key, unpack(gone, from, math.min(from + 999, #gone))) end
  end
  for key, fields in pairs(sums) do
    for field, by in pairs(fields) do redis.call('HINCRBY', key, field, by) end
  end
  if #samples > 0 then
    for from = 1, #samples, 1000 do redis.call('RPUSH', samples.key, unpack(samples, from, math.min(from + 999, #samples))) end
    redis.call('LTRIM', samples.key, -5000, -1)
  end
  owed, sums, samples = {}, {}, { key = samples.key }
end
`;

const STATE_PART = `local P = ARGV[1]
local G = P .. '.gate'
local now = tonumber(ARGV[3])
if now == 0 then now = clock() end
local stamp = digits(now)
local tools, budgets, machines, heads, used, running, troubles = {}, {}, {}, {}, {}, {}, {}
local alone
local function baseOf(queue) return string.match(queue, '^[^@]*') end
local function isLane(queue) return string.find(queue, '@', 1, true) ~= nil end
local function toolOf(queue)
  local found = tools[queue]
  if found == nil then
    local base = baseOf(queue)
    if base == queue then
      local text = redis.call('HGET', G .. '.tools', queue)
      found = text and cjson.decode(text) or false
      if found then
        found.needs, found.budgets, found.upstream = found.needs or {}, found.budgets or {}, found.upstream or queue
      end
    else
      found = toolOf(base)
      if found and found.perKey then
        local lane = {}
        for field, value in pairs(found) do lane[field] = value end
        lane.budgets = { { 'lane:' .. queue, 1, found.perKey.cost } }
        for _, one in ipairs(found.budgets) do lane.budgets[#lane.budgets + 1] = one end
        found = lane
      end
    end
    tools[queue] = found
  end
  return found
end
local function budgetOf(name)
  local found = budgets[name]
  if found == nil then
    if string.sub(name, 1, 5) == 'lane:' then
      local limits = toolOf(baseOf(string.sub(name, 6)))
      found = limits and limits.perKey or false
    else
      local text = redis.call('HGET', G .. '.budgets', name)
      found = text and cjson.decode(text) or false
    end
    budgets[name] = found
  end
  return found
end
local function machineOf(name)
  local found = machines[name]
  if found == nil then
    found = { name = name }
    local flat = redis.call('HGETALL', G .. '.machine:' .. name)
    for i = 1, #flat, 2 do found[flat[i]] = tonumber(flat[i + 1]) end
    local drain = redis.call('HGET', G .. '.drains', name)
    if drain then found.drain = cjson.decode(drain) end
    machines[name] = found
  end
  return found
end
local function hold(machine, field, amount)
  local was = machine[field] or 0
  machine[field] = was + amount
  owe(G .. '.machine:' .. machine.name, field, was, was + amount, true)
end
local function readAgain(name)
  settle()
  machines[name] = nil
end
local function roomOf(machine, r)
  local capacity = machine['c:' .. r] or machine['c:*'] or 1000000
  local share = r == 'memory' and 0.1 or 0.5
  return math.max(capacity - (machine['b:' .. r] or 0), math.floor(capacity * share))
end
local function hash(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end
local function usedOf(field)
  local found = used[field]
  if found == nil then
    found = tonumber(redis.call('HGET', G .. '.used', field) or '0')
    used[field] = found
  end
  return found
end
local function use(field, amount)
  local was = usedOf(field)
  used[field] = was + amount
  owe(G .. '.used', field, was, was + amount)
end
local function runningOf(field)
  local found = running[field]
  if found == nil then
    found = tonumber(redis.call('HGET', G .. '.running', field) or '0')
    running[field] = found
  end
  return found
end
local function run(field, by)
  local was = runningOf(field)
  running[field] = math.max(0, was + by)
  owe(G .. '.running', field, was, running[field])
  return running[field]
end
local function isTake(say)
  if type(say) ~= 'table' or type(say.needs or {}) ~= 'table' or type(say.budgets or {}) ~= 'table' then return false end
  for _, amount in pairs(say.needs or {}) do
    if type(amount) ~= 'number' or amount < 0 or amount ~= math.floor(amount) then return false end
  end
  for _, one in ipairs(say.budgets or {}) do
    if type(one) ~= 'table' then return false end
    for i = 2, 3 do if type(one[i]) ~= 'number' or one[i] < 0 or one[i] ~= math.floor(one[i]) then return false end end
  end
  return true
end
local function sayingOf(text)
  if not string.find(text, '"take":', 1, true) then return nil end
  local read, data = pcall(cjson.decode, text)
  if read and type(data) == 'table' and isTake(data.take) then return data.take end
end
local function takeOf(limits, own)
  if not own then return { n = limits.needs, b = limits.budgets } end
  local take = { n = limits.needs, b = limits.budgets }
  if own.needs then
    take.n = {}
    for r, amount in pairs(limits.needs) do take.n[r] = amount end
    for r, amount in pairs(own.needs) do take.n[r] = amount end
  end
  if own.budgets then
    take.b = {}
    for _, budget in ipairs(limits.budgets) do
      local mine = budget
      for _, other in ipairs(own.budgets) do if other[1] == budget[1] then mine = other end end
      take.b[#take.b + 1] = mine
    end
  end
  return take
end
local function isAlive(process)
  local lease = redis.call('ZSCORE', G .. '.processes', process)
  return lease and tonumber(lease) > now
end
local function tell(channel, message) redis.call('PUBLISH', G .. '.' .. channel, message) end
local function tellAll(message)
  redis.call('DEL', G .. '.alone')
  alone = nil
  tell('troubles', message)
end
local function guardOf(durationMs)
  return math.max(10, math.min(250, math.ceil(durationMs * 0.1)))
end
`;

const RANKS_PART = `local FIRST, PER_TENANT, PER_LEVEL = 16, 2090, 190
local LAGS = { performance = 12, efficiency = 48, reliability = 24, cost = 60, user_experience = 0, balanced = 36 }
local function lagOf(target) return LAGS[target or 'balanced'] or LAGS['balanced'] end
local function levelOfRank(rank) return math.floor((rank - FIRST) % PER_TENANT / PER_LEVEL) end
local function tenantOf(priority) return priority < FIRST and -1 or math.floor((priority - FIRST) / PER_TENANT) end
local PRIORITY = 4294967296
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

const ORDER_PART = `local PICKS_PER_MS = 16
local turns, met = {}, {}
local function startOf(place, tenant)
  local at = turns[place]
  if not at then
    at = {}
    turns[place] = at
  end
  if not at[tenant] then
    local found = redis.call('HMGET', G .. '.turns:' .. place, 'v', tenant)
    at.v, at[tenant] = at.v or tonumber(found[1] or '0'), tonumber(found[2] or '-1')
  end
  return math.max(at.v, at[tenant]), at[tenant]
end
local function readStarts(place, tenants)
  local at = turns[place] or {}
  turns[place] = at
  local found = redis.call('HMGET', G .. '.turns:' .. place, 'v', unpack(tenants))
  at.v = at.v or tonumber(found[1] or '0')
  for i, tenant in ipairs(tenants) do at[tenant] = at[tenant] or tonumber(found[i + 1] or '-1') end
end
local function countTurn(place, tenant)
  local start = startOf(place, tenant)
  local at, key = turns[place], G .. '.turns:' .. place
  at.v, at[tenant] = start, start + 1
  redis.call('HSET', key, 'v', digits(start), tenant, digits(start + 1))
  redis.call('PEXPIRE', key, 60000)
end
local function goesBefore(a, b, place)
  if a.tenant ~= b.tenant then
    if a.tenant < 0 or b.tenant < 0 then return a.tenant < b.tenant end
    met[place] = true
    local one, hadOne = startOf(place, a.tenant)
    local other, hadOther = startOf(place, b.tenant)
    if one ~= other then return one < other end
    if hadOne ~= hadOther then return hadOne < hadOther end
    return a.tenant > b.tenant
  end
  if a.order ~= b.order then return a.order < b.order end
  return a.at < b.at
end
local newest = {}
local function newestOf(tenant)
  if newest[tenant] == nil then
    local last = math.floor(tonumber(redis.call('HGET', P .. '.fair', 'c:' .. tenant) or '0')) + 60
    newest[tenant] = last >= PER_LEVEL and last % PER_LEVEL
  end
  return newest[tenant]
end
local function rankOf(head)
  local tenant, order = tenantOf(head.priority), head.priority
  if tenant >= 0 then
    local turn = (order - FIRST) % PER_LEVEL
    local last = newestOf(tenant)
    order = order - turn + (last and (turn - last - 1) % PER_LEVEL or turn)
  end
  return { tenant = tenant, order = order, at = head.at }
end
local asking = false
local function firstIn(key, from, to)
  local found = redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES', 'LIMIT', 0, 1)
  if not found[1] then return nil end
  local score = tonumber(found[2])
  return { job = found[1], priority = math.floor(score / PRIORITY), count = score % PRIORITY }
end
local function from(priority) return digits(priority * PRIORITY) end
local function below(priority) return '(' .. digits(priority * PRIORITY) end
local function age(queue, key)
  local marks = G .. '.marks:' .. queue
  local last = redis.call('ZRANGE', marks, -1, -1, 'WITHSCORES')
  local lastAt = tonumber(last[2] or '0')
  if asking or (lastAt <= now and now - lastAt < 60000 / 4) then return end
  if lastAt > now then redis.call('DEL', marks) end
  redis.call('ZADD', marks, stamp, stamp .. ' ' .. (redis.call('GET', P .. ':' .. queue .. ':pc') or '0'))
  redis.call('ZREMRANGEBYSCORE', marks, '-inf', '(' .. digits(now - 12 * 60000))
  redis.call('PEXPIRE', marks, 12 * 60000)
  local reached = {}
  for spans = 1, 11 do
    local found = redis.call('ZREVRANGEBYSCORE', marks, digits(now - spans * 60000), '-inf', 'LIMIT', 0, 1)[1]
    if not found then break end
    reached[spans] = tonumber(string.match(found, ' (%d+)$')) % PRIORITY
  end
  if not reached[1] then return end
  local priority, raised = FIRST, 0
  for _ = 1, 500 do
    local first = firstIn(key, from(priority), '+inf')
    if not first or raised >= 500 then break end
    priority = first.priority
    if levelOfRank(priority) > 0 and first.count <= reached[1] then
      local old = redis.call('ZRANGEBYSCORE', key, from(priority), digits(priority * PRIORITY + reached[1]), 'WITHSCORES', 'LIMIT', 0, 100)
      for i = 1, #old, 2 do
        local count, spans = tonumber(old[i + 1]) % PRIORITY, 0
        for span, number in ipairs(reached) do if count > 0 and count <= number then spans = span end end
        local own = tonumber(redis.call('HGET', P .. ':' .. queue .. ':' .. old[i], 'priority') or '0')
        local level = own >= FIRST and math.max(0, levelOfRank(own) - spans) or levelOfRank(priority)
        if level < levelOfRank(priority) then
          local risen = priority - (levelOfRank(priority) - level) * PER_LEVEL
          redis.call('ZADD', key, digits(risen * PRIORITY + count), old[i])
          raised = raised + 1
        end
      end
    end
    priority = priority + 1
  end
  return raised > 0
end
local function urgentOf(key, first)
  local last = newestOf(tenantOf(first.priority))
  local turn = (first.priority - FIRST) % PER_LEVEL
  if not last or turn > last then return first end
  local level = first.priority - turn
  return firstIn(key, from(level + last + 1), below(level + PER_LEVEL)) or first
end
local function tenantsBehind(key, priority, found)
  while #found < 64 do
    local first = firstIn(key, from(priority), '+inf')
    if not first then return end
    local tenant = tenantOf(first.priority)
    if found[1] and found[1].tenant == tenant then return end
    first.tenant = tenant
    found[#found + 1] = first
    priority = FIRST + (tenant + 1) * PER_TENANT
  end
end
local function rivalsIn(queue, key, first, front)
  if not meetsOther(key, tenantOf((front or first).priority), not front) then return nil end
  local found, place = {}, G .. '.turns:q:' .. queue
  local begin = tonumber(redis.call('HGET', place, 'from') or '0')
  if begin > 0 then tenantsBehind(key, begin, found) end
  tenantsBehind(key, FIRST, found)
  if #found >= 64 and not asking then
    redis.call('HSET', place, 'from', digits(FIRST + (found[#found].tenant + 1) * PER_TENANT))
  end
  if front then
    front.tenant = tenantOf(front.priority)
    for i = #found, 1, -1 do if found[i].tenant == front.tenant then table.remove(found, i) end end
    found[#found + 1] = front
  end
  return found
end
local picks = 0
local function putInFront(key, job, priority)
  picks = picks + 1
  redis.call('ZADD', key, 'XX', digits(priority * PRIORITY + (now * PICKS_PER_MS + picks) % PRIORITY), job)
end
local function ownRank(queue, job) return tonumber(redis.call('HGET', P .. ':' .. queue .. ':' .. job, 'priority') or '0') end
local function nextIn(queue)
  local key = P .. ':' .. queue .. ':prioritized'
  local first = firstIn(key, '-inf', '+inf')
  if not first then return nil end
  local promised
  if first.priority == 2 then
    local picksSince = (now * PICKS_PER_MS - first.count) % PRIORITY
    if picksSince > PICKS_PER_MS * 1000 and picksSince < PRIORITY / 2 then
      first.pick, first.own = true, true
      return first
    end
    promised = first
    first = firstIn(key, from(3), '+inf')
    if not first then
      promised.own = true
      return promised
    end
  end
  local front
  if first.priority == 3 then
    front = first
    front.priority, front.arranged = ownRank(queue, front.job), true
    first = firstIn(key, from(FIRST), '+inf')
    if not first then return front end
  end
  if first.priority < FIRST then return first end
  if age(queue, key) then first = firstIn(key, from(FIRST), '+inf') end
  local rivals = rivalsIn(queue, key, first, front)
  if front and not rivals then return front end
  if not rivals then
    local urgent = urgentOf(key, first)
    urgent.pick = urgent.job ~= first.job
    return urgent
  end
  local place, best = 'q:' .. queue, nil
  local tenants = {}
  for i, rival in ipairs(rivals) do tenants[i] = rival.tenant end
  readStarts(place, tenants)
  for _, rival in ipairs(rivals) do
    rival.order, rival.at = 0, 0
    if not best or goesBefore(rival, best, place) then best = rival end
  end
  local urgent = best == front and front or urgentOf(key, best)
  urgent.pick, urgent.place = true, place
  return urgent
end
local function arrangeAlone(queue, most)
  local key = P .. ':' .. queue .. ':prioritized'
  local arranged = redis.call('ZCOUNT', key, from(3), below(3 + 1))
  while arranged < most do
    local first = firstIn(key, from(FIRST), '+inf')
    local urgent = first and urgentOf(key, first)
    if not urgent or urgent.job == first.job then break end
    arranged = arranged + 1
    putInFront(key, urgent.job, 3)
  end
  return arranged
end
local function headOf(tool)
  local found = heads[tool]
  if found ~= nil then return found end
  local queue = P .. ':' .. tool .. ':'
  local job, priority, isDue, waiting = redis.call('LINDEX', queue .. 'wait', -1), 0, false, nil
  if not job then
    waiting = nextIn(tool)
    if waiting then job, priority = waiting.job, waiting.priority end
  end
  if not job then
    local due = redis.call('ZRANGE', queue .. 'delayed', 0, 0, 'WITHSCORES')
    if due[1] and math.floor(tonumber(due[2]) / 4096) <= now then job, isDue = due[1], true end
  end
  found = false
  if job then
    local facts = redis.call('HMGET', queue .. job, 'timestamp', 'data', 'priority')
    if isDue or (waiting and waiting.own) then priority = tonumber(facts[3] or '0') end
    found = { job = job, priority = priority, due = isDue, at = tonumber(facts[1] or stamp) }
    found.take = facts[2] and sayingOf(facts[2]) or nil
    if waiting then found.pick, found.place, found.arranged = waiting.pick, waiting.place, waiting.arranged end
  end
  heads[tool] = found
  return found
end
local function pick(tool, head)
  if head.place then countTurn(head.place, tenantOf(head.priority)) end
  if not head.pick then return end
  putInFront(P .. ':' .. tool .. ':prioritized', head.job, 2)
  heads[tool] = nil
end
`;

const WINDOWS_PART = `local pruned = {}
local function windowKey(name, durationMs) return G .. '.window:' .. name .. ':' .. digits(durationMs) end
local function sumField(name, durationMs) return name .. '\\n' .. digits(durationMs) end
local function sumOf(name, durationMs)
  local key, field = windowKey(name, durationMs), sumField(name, durationMs)
  if not pruned[key] then
    pruned[key] = true
    local before = digits(now - durationMs)
    local old = redis.call('ZRANGEBYSCORE', key, '-inf', before)
    if #old > 0 then
      local units = 0
      for _, place in ipairs(old) do units = units + tonumber(string.match(place, ':(%d+)$')) end
      redis.call('ZREMRANGEBYSCORE', key, '-inf', before)
      use(field, -units)
    end
    local latest = digits(now + guardOf(durationMs))
    local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
    if last[2] and tonumber(last[2]) > tonumber(latest) then
      for _, place in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. latest, '+inf')) do redis.call('ZADD', key, latest, place) end
    end
  end
  return usedOf(field)
end
local function roomAt(name, max, durationMs, units)
  local over = sumOf(name, durationMs) + units - max
  if over <= 0 then return 0 end
  local key, from = windowKey(name, durationMs), 0
  while true do
    local places = redis.call('ZRANGE', key, from, from + 49, 'WITHSCORES')
    if #places == 0 then return now + durationMs end
    for i = 1, #places, 2 do
      over = over - tonumber(string.match(places[i], ':(%d+)$'))
      if over <= 0 then return tonumber(places[i + 1]) + durationMs + 1 end
    end
    from = from + 50
  end
end
local function willPass(name, durationMs)
  if string.sub(name, 1, 5) ~= 'lane:' then return end
  local at = now + durationMs + guardOf(durationMs)
  redis.call('ZADD', G .. '.lane-windows', digits(at), sumField(name, durationMs))
end
local function takePlaces(id, take)
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      sumOf(one[1], window[2])
      redis.call('ZADD', windowKey(one[1], window[2]), digits(now + guardOf(window[2])), id .. ':' .. digits(one[3]))
      use(sumField(one[1], window[2]), digits(one[3]))
      willPass(one[1], window[2])
    end
  end
end
local function guardOfTake(take)
  local guard = 0
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      local own = guardOf(window[2])
      if guard == 0 or own < guard then guard = own end
    end
  end
  return guard
end
local function correctPlaces(id, take, actual)
  for _, one in ipairs(take.b) do
    local units = actual[one[1]]
    local budget = units and units ~= one[3] and one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      local key, place = windowKey(one[1], window[2]), id .. ':' .. digits(one[3])
      local at = redis.call('ZSCORE', key, place)
      if at then
        redis.call('ZREM', key, place)
        if units > 0 then redis.call('ZADD', key, at, id .. ':' .. digits(units)) end
        use(sumField(one[1], window[2]), digits(units - one[3]))
      end
    end
  end
end
local function endPlaces(id, take)
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      local key, place = windowKey(one[1], window[2]), id .. ':' .. digits(one[3])
      local at = redis.call('ZSCORE', key, place)
      if at and tonumber(at) > now then redis.call('ZADD', key, stamp, place) end
    end
  end
end
local function movePlaces(id, take)
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      sumOf(one[1], window[2])
      if not redis.call('ZSCORE', windowKey(one[1], window[2]), id .. ':' .. digits(one[3])) then
        local at = roomAt(one[1], window[1], window[2], one[3])
        if at > now then return at end
      end
    end
  end
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      if redis.call('ZADD', windowKey(one[1], window[2]), digits(now + guardOf(window[2])), id .. ':' .. digits(one[3])) == 1 then
        use(sumField(one[1], window[2]), digits(one[3]))
      end
      willPass(one[1], window[2])
    end
  end
  return 0
end
`;

const TROUBLES_PART = `local function troubleOf(field)
  local found = troubles[field]
  if found == nil then
    local text = redis.call('HGET', G .. '.trouble', field)
    found = text and cjson.decode(text) or false
    troubles[field] = found
  end
  return found
end
local function breakerOf(tool)
  local own = (toolOf(tool) or {}).breaker or {}
  return own.failures or 5, own.openMs or 60000, own.probes or 3
end
local settled = {}
local function setTrouble(field, trouble)
  troubles[field] = trouble
  if trouble then
    redis.call('HSET', G .. '.trouble', field, cjson.encode(trouble))
    tellAll('+' .. field)
  else
    redis.call('HDEL', G .. '.trouble', field)
    tellAll('-' .. field)
    settled[#settled + 1] = field
  end
end
local function rampEnds(upstream) return math.max(upstream.at, upstream.until_) + 30000 end
local function troubled(tool, limits, no)
  local level = tonumber(redis.call('HGET', G, 'level') or '0')
  if (limits.importance or 1) > 2 - level then no({ kind = 'degraded', level = level }) end
  local breaker = troubleOf('b:' .. tool)
  if breaker then
    if breaker.s == 'open' and now < breaker.until_ then
      no({ kind = 'breaker', state = 'open', untilMs = breaker.until_ })
    elseif breaker.s == 'half' and breaker.probes >= select(3, breakerOf(tool)) then
      no({ kind = 'breaker', state = 'half_open', probes = breaker.probes, line = 'p:' .. tool })
    end
  end
  local upstream = troubleOf('u:' .. limits.upstream)
  if upstream then
    if now < upstream.until_ then
      no({ kind = 'cool_down', upstream = limits.upstream, untilMs = upstream.until_ })
    elseif now < rampEnds(upstream) and runningOf('u:' .. limits.upstream) >= upstream.allowed then
      no({ kind = 'ramp', upstream = limits.upstream, line = 'u:' .. limits.upstream, allowed = upstream.allowed, goal = upstream.goal })
    end
  end
end
local function isProbe(tool)
  local breaker = troubleOf('b:' .. tool)
  if not breaker then return false end
  if breaker.s == 'open' then breaker.s, breaker.at, breaker.probes, breaker.ok = 'half', now, 0, 0 end
  breaker.probes = breaker.probes + 1
  setTrouble('b:' .. tool, breaker)
  return true
end
local function openBreaker(tool)
  local _, openMs = breakerOf(tool)
  setTrouble('b:' .. tool, { s = 'open', at = now, until_ = now + openMs, probes = 0, ok = 0 })
end
local function countFailure(tool, machine, failed)
  local key = G .. '.failures:' .. tool
  if not failed then
    owe(key, 't:' .. machine, nil, stamp)
    owe(key, 'f:' .. machine, nil, 0)
    return
  end
  settle()
  redis.call('HSET', key, 't:' .. machine, stamp)
  local failures = breakerOf(tool)
  if redis.call('HINCRBY', key, 'f:' .. machine, 1) < failures then return end
  local flat, called, down = redis.call('HGETALL', key), 0, 0
  local facts = {}
  for i = 1, #flat, 2 do facts[flat[i]] = tonumber(flat[i + 1]) end
  for field, at in pairs(facts) do
    local name = string.match(field, '^t:(.*)$')
    if name then
      if at < now - 60000 then
        redis.call('HDEL', key, field, 'f:' .. name)
      else
        called = called + 1
        if (facts['f:' .. name] or 0) >= failures then down = down + 1 end
      end
    end
  end
  if down * 2 > called and not troubleOf('b:' .. tool) then openBreaker(tool) end
end
local function coolDown(upstream, retryAfterMs, underway)
  local before = troubleOf('u:' .. upstream)
  local row = before and before.row or 0
  local pause = retryAfterMs > 0 and retryAfterMs or math.min(60000, 1000 * 2 ^ math.min(row, 20))
  local trouble = before or { at = now, until_ = 0, goal = 1, row = 0 }
  if now >= trouble.until_ then trouble.row = row + 1 end
  trouble.until_ = math.max(trouble.until_, now + pause)
  trouble.goal = math.max(trouble.goal, underway)
  trouble.allowed = 1
  setTrouble('u:' .. upstream, trouble)
end
local function learnTrouble(tool, upstream, machine, call)
  local breaker, closed = troubleOf('b:' .. tool), troubleOf('u:' .. upstream)
  if breaker and call.probe then
    breaker.probes = math.max(0, breaker.probes - 1)
    if call.class == 'down' then
      openBreaker(tool)
    elseif call.class == 'ok' and breaker.s == 'half' then
      breaker.ok = breaker.ok + 1
      local _, _, probes = breakerOf(tool)
      if breaker.ok >= probes then
        settle()
        redis.call('DEL', G .. '.failures:' .. tool)
        setTrouble('b:' .. tool, false)
        if not troubleOf('u:' .. upstream) then
          setTrouble('u:' .. upstream, { at = now, until_ = 0, goal = probes * 8, allowed = probes, row = 0 })
        end
      else
        setTrouble('b:' .. tool, breaker)
      end
    else
      setTrouble('b:' .. tool, breaker)
    end
  elseif call.class == 'ok' or call.class == 'down' then
    countFailure(tool, machine, call.class == 'down')
  end
  if call.class == 'limited' then
    coolDown(upstream, call.retryAfterMs or 0, call.underway)
  elseif closed and call.class == 'ok' and call.since >= closed.until_ then
    closed.allowed = closed.allowed + 1
    local over = closed.allowed >= closed.goal or now >= rampEnds(closed)
    setTrouble('u:' .. upstream, not over and closed)
  end
end
`;

const DECIDE_PART = `local first = {}
local function fits(machine, take, tool, no)
  local alone = (machine.n or 0) == 0
  if machine['c:*'] and machine['c:*'] < 0 then return end
  local drain = machine.drain
  if drain and (drain.tool == tool or now > drain.at + drain.ms) then drain = nil end
  if alone and not drain then return end
  for r, amount in pairs(take.n) do
    if amount > 0 then
      local capacity = roomOf(machine, r)
      local held = machine['u:' .. r] or 0
      if not alone and held + amount > capacity then
        no({ kind = 'resource', resource = r, machine = machine.name, need = amount, free = math.max(0, capacity - held) })
      elseif drain and held + amount + (drain.n[r] or 0) > capacity then
        no({ kind = 'drain', resource = r, machine = machine.name, tool = drain.tool })
      end
    end
  end
end
local function decide(tool, limits, take, machine, rank)
  local reasons = {}
  local function no(reason) reasons[#reasons + 1] = reason end
  local base = baseOf(tool)
  troubled(base, limits, no)
  if limits.cap and runningOf(base) >= limits.cap then no({ kind = 'knee', limit = limits.cap, line = 'k:' .. base }) end
  for _, one in ipairs(take.b) do
    local name, slots, units = one[1], one[2], one[3]
    local budget = budgetOf(name)
    if budget then
      if budget.slots and slots > budget.slots then
        no({ kind = 'exceeds', budget = name, need = slots, capacity = budget.slots })
      elseif budget.slots and usedOf(name) + slots > budget.slots then
        no({ kind = 'slots', budget = name, line = name, need = slots, free = math.max(0, budget.slots - usedOf(name)), capacity = budget.slots })
      end
      for _, window in ipairs(units > 0 and budget.rates or {}) do
        if units > window[1] then
          no({ kind = 'exceeds', budget = name, need = units, capacity = window[1], durationMs = window[2] })
        else
          local at = roomAt(name, window[1], window[2], units)
          if at > now then no({ kind = 'rate', budget = name, line = name, untilMs = at, capacity = window[1], durationMs = window[2] }) end
        end
      end
      local other = first[name]
      if other and other.tool ~= tool and rank and goesBefore(other.rank, rank, name) then
        no({ kind = 'behind', budget = name, line = name, tool = other.tool })
      end
    end
  end
  fits(machine, take, tool, no)
  return reasons
end
local WEIGHT = { degraded = 1, breaker = 2, cool_down = 3, ramp = 4, knee = 5, exceeds = 6, rate = 7, slots = 8, behind = 9, resource = 10, drain = 11 }
local function labelOf(reasons)
  local main = reasons[1]
  for _, reason in ipairs(reasons) do if WEIGHT[reason.kind] < WEIGHT[main.kind] then main = reason end end
  local of = main.resource or (main.budget and baseOf(main.budget)) or main.upstream
  return of and main.kind .. ':' .. of or main.kind
end
`;

const PERMITS_PART = `local learns = redis.call('HEXISTS', G, 'learns') == 1
local freedLines, freedMachines = {}, {}
local function countOffer(tool, by) run('o:' .. tool, by) end
local sumsOfMs = {}
local function callMs(base, underway, by)
  local was = sumsOfMs[base] or tonumber(redis.call('HGET', G .. '.call-ms', base) or '0')
  sumsOfMs[base] = was + by
  owe(G .. '.call-ms', base, was, was + by)
  return was + by + underway * now
end
local function besideOf(sinceMs, before, after, running)
  local mean = before and now > sinceMs and (after - before) / (now - sinceMs)
  if mean and mean >= 1 and mean <= 100000 then return mean end
  return math.max(1, running)
end
local fence
local function nextId()
  fence = math.max((fence or tonumber(redis.call('HGET', G, 'fence') or '0')) + 1, now * 1000)
  owe(G, 'fence', nil, fence)
  return digits(fence)
end
local services = {}
local function serviceOf(base)
  local found = services[base]
  if not found then
    local mean, count = string.match(redis.call('HGET', G .. '.service', base) or '0 0', '^(%S+) (%d+)')
    found = { mean = tonumber(mean), count = tonumber(count) }
    services[base] = found
  end
  return found
end
local function countTurns(take, machine, head)
  local tenant = head.priority and tenantOf(head.priority) or -1
  if tenant < 0 or next(met) == nil then return end
  for _, one in ipairs(take.b) do if met[one[1]] then countTurn(one[1], tenant) end end
  if met['m:' .. machine.name] then countTurn('m:' .. machine.name, tenant) end
end
local function grant(tool, limits, take, machine, process, head, offered, underwayMs)
  local id = nextId()
  pick(tool, head)
  countTurns(take, machine, head)
  for r, amount in pairs(take.n) do
    if amount > 0 then hold(machine, 'u:' .. r, amount) end
  end
  hold(machine, 'n', 1)
  local base = baseOf(tool)
  local underway = run(base, 1)
  run('u:' .. limits.upstream, 1)
  for _, one in ipairs(take.b) do
    if one[2] > 0 then use(one[1], one[2]) end
  end
  if not underwayMs then takePlaces(id, take) end
  local permit = { t = tool, m = machine.name, p = process, n = take.n, b = take.b, u = limits.upstream, s = now - (underwayMs or 0), j = head.job, w = head.take }
  local beganMs = callMs(base, underway, -now)
  if not underwayMs then permit.a = beganMs end
  if not underwayMs and isProbe(base) then permit.x = 1 end
  if offered then
    permit.o = 1
    countOffer(tool, 1)
    redis.call('ZADD', G .. '.offers', digits(now + 1000), id)
    redis.call('HSET', G .. '.offered:' .. process, tool, id)
  end
  redis.call('HSET', G .. '.permits', id, cjson.encode(permit))
  redis.call('SADD', G .. '.held:' .. process, id)
  if machine.drain and machine.drain.tool == tool then
    machine.drain = nil
    redis.call('HDEL', G .. '.drains', machine.name)
    freedMachines[machine.name] = true
  end
  return id, permit
end
local function permitOf(id)
  local text = redis.call('HGET', G .. '.permits', id)
  return text and cjson.decode(text)
end
local function serve(base, ms)
  local service = serviceOf(base)
  service.count = service.count + 1
  service.mean = service.mean + (ms - service.mean) / math.min(service.count, 20)
  owe(G .. '.service', base, nil, string.format('%.3f %d', service.mean, service.count))
end
local function sample(queue, ms, beside, class, own)
  samples.key = G .. '.samples'
  samples[#samples + 1] = cjson.encode({ baseOf(queue), ms, beside, headOf(queue) and 1 or 0, class, now, own and 1 or 0 })
end
local function isTried(base, upstream) return troubleOf('u:' .. upstream) or troubleOf('b:' .. base) end
local function giveBack(id, permit, call)
  call = call or { class = 'none' }
  local base = baseOf(permit.t)
  local ms = call.ms or math.max(0, now - permit.s)
  local machine = machineOf(permit.m)
  for r, amount in pairs(permit.n) do
    if amount > 0 then hold(machine, 'u:' .. r, -amount) end
  end
  hold(machine, 'n', -1)
  freedMachines[permit.m] = true
  local underway, runningBefore = runningOf('u:' .. permit.u), runningOf(base)
  local endedMs = callMs(base, runningBefore - 1, now)
  if runningBefore <= 1 then
    owe(G .. '.call-ms', base, sumsOfMs[base], 0)
    sumsOfMs[base] = 0
  end
  for _, field in ipairs({ base, 'u:' .. permit.u }) do run(field, -1) end
  for _, one in ipairs(permit.b) do
    if one[2] > 0 then use(one[1], -one[2]) end
    freedLines[one[1]] = true
  end
  endPlaces(id, permit)
  if call.unused then
    local nothing = {}
    for _, one in ipairs(permit.b) do nothing[one[1]] = 0 end
    correctPlaces(id, permit, nothing)
  elseif call.actual then
    correctPlaces(id, permit, call.actual)
  end
  redis.call('HDEL', G .. '.permits', id)
  redis.call('SREM', G .. '.held:' .. permit.p, id)
  for _, line in ipairs({ 'k:' .. base, 'u:' .. permit.u }) do freedLines[line] = true end
  if permit.x then freedLines['p:' .. base] = true end
  if permit.o then
    countOffer(permit.t, -1)
    redis.call('ZREM', G .. '.offers', id)
    if redis.call('HGET', G .. '.offered:' .. permit.p, permit.t) == id then
      redis.call('HDEL', G .. '.offered:' .. permit.p, permit.t)
    end
  elseif call.ms or not call.unused then
    add(G .. '.busy:' .. permit.m, base, math.max(0, now - permit.s))
  end
  if not permit.o and not call.unused then
    if call.class == 'ok' then serve(base, ms) end
    if learns and not isTried(base, permit.u) and (call.class == 'ok' or call.class == 'limited') then
      sample(permit.t, ms, besideOf(permit.s, permit.a, endedMs, runningBefore), call.class, call.own)
    end
    add(G .. '.outcomes', base .. '\\n' .. call.class, 1)
  end
  learnTrouble(base, permit.u, permit.m, {
    class = call.class, retryAfterMs = call.retryAfterMs, probe = permit.x, since = now - ms, underway = underway
  })
end
local function stillFits(permit)
  local machine = machineOf(permit.m)
  if (machine.n or 0) > 1 and not (machine['c:*'] and machine['c:*'] < 0) then
    for r, amount in pairs(permit.n) do
      if amount > 0 and (machine['u:' .. r] or 0) > roomOf(machine, r) then return false end
    end
  end
  for _, one in ipairs(permit.b) do
    local budget = one[2] > 0 and budgetOf(one[1])
    if budget and budget.slots and usedOf(one[1]) > budget.slots then return false end
  end
  return true
end
local dropClaims
local function forgetMachine(name)
  settle()
  for _, machine in ipairs(redis.call('HVALS', G .. '.process-info')) do if machine == name then return end end
  dropClaims(name)
  redis.call('SREM', G .. '.machines', name)
  redis.call('HDEL', G .. '.drains', name)
  redis.call('HDEL', G .. '.usage', name)
  for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do
    redis.call('HDEL', G .. '.failures:' .. tool, 't:' .. name, 'f:' .. name)
  end
  settle()
  if (machineOf(name).n or 0) <= 0 then redis.call('DEL', G .. '.machine:' .. name, G .. '.busy:' .. name) end
  machines[name] = nil
end
local function sweep()
  local left, dead = {}, {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', G .. '.offers', '-inf', stamp, 'LIMIT', 0, 20)) do
    local permit = permitOf(id)
    if permit then giveBack(id, permit, { class = 'none', unused = true }) else redis.call('ZREM', G .. '.offers', id) end
  end
  for _, process in ipairs(redis.call('ZRANGEBYSCORE', G .. '.processes', '-inf', stamp, 'LIMIT', 0, 2)) do
    local ids = redis.call('SRANDMEMBER', G .. '.held:' .. process, 200)
    for _, id in ipairs(ids) do
      local permit = permitOf(id)
      if permit then
        left[permit.t] = true
        giveBack(id, permit)
      else
        redis.call('SREM', G .. '.held:' .. process, id)
      end
    end
    if #ids < 200 then
      redis.call('ZREM', G .. '.processes', process)
      local name = redis.call('HGET', G .. '.process-info', process)
      redis.call('HDEL', G .. '.process-info', process)
      redis.call('DEL', G .. '.offered:' .. process)
      if name then
        dead[#dead + 1] = { process = process, machine = name }
        forgetMachine(name)
      end
    end
  end
  return left, dead
end
`;

const ALONE_PART = `local function notedAlone()
  if not alone then alone = hash(G .. '.alone') end
  return alone
end
local function noteAlone(machine, queue, tenant, order, lines)
  local field = machine .. '\\n' .. queue
  local text = digits(tenant) .. ' ' .. order .. '\\n' .. table.concat(lines, '\\n') .. '\\n'
  notedAlone()[field] = text
  redis.call('HSET', G .. '.alone', field, text)
  redis.call('PEXPIRE', G .. '.alone', 1000)
end
local function strikeAlone(machine, queue, lines)
  for field, text in pairs(notedAlone()) do
    local itsMachine, itsQueue = string.match(field, '^(.*)\\n(.*)$')
    local isBeside = itsMachine == machine
    for _, line in ipairs(lines) do isBeside = isBeside or string.find(text, '\\n' .. line .. '\\n', 1, true) end
    if isBeside and itsQueue ~= queue then
      alone[field] = nil
      redis.call('HDEL', G .. '.alone', field)
    end
  end
end
`;

const LINE_PART = `local claims, whole = {}, {}
local function kindOf(tool, claim) return isLane(tool) and claim.l and #claim.l > 0 and 'lined' or 'claims' end
local function cacheOf(machine)
  local found = claims[machine]
  if not found then
    found = {}
    claims[machine] = found
  end
  return found
end
local function claimOf(machine, tool)
  local cache = cacheOf(machine)
  local found = cache[tool]
  if found == nil then
    local text = redis.call('HGET', G .. '.claims:' .. machine, tool)
      or (isLane(tool) and redis.call('HGET', G .. '.lined:' .. machine, tool))
    found = text and cjson.decode(text) or false
    cache[tool] = found
  end
  return found
end
local function claimsOf(machine, all)
  local cache, found = cacheOf(machine), {}
  for _, kind in ipairs({ 'claims', all and 'lined' or nil }) do
    if not whole[kind .. machine] then
      whole[kind .. machine] = true
      local flat = redis.call('HGETALL', G .. '.' .. kind .. ':' .. machine)
      for i = 1, #flat, 2 do
        if cache[flat[i]] == nil then cache[flat[i]] = cjson.decode(flat[i + 1]) end
      end
    end
  end
  for tool, claim in pairs(cache) do
    if claim and (all or kindOf(tool, claim) == 'claims') then found[tool] = claim end
  end
  return found
end
local function account(tool, claim, label)
  if claim.k and claim.a and now > claim.a then
    redis.call('HINCRBY', G .. '.blocked', baseOf(tool) .. '\\n' .. claim.k, now - claim.a)
  end
  claim.k, claim.a = label, now
end
local function saveClaim(machine, tool, claim)
  cacheOf(machine)[tool] = claim
  local kind = kindOf(tool, claim)
  strikeAlone(kind == 'claims' and machine, tool, claim.l or {})
  if isLane(tool) then redis.call('HDEL', G .. (kind == 'lined' and '.claims:' or '.lined:') .. machine, tool) end
  redis.call('HSET', G .. '.' .. kind .. ':' .. machine, tool, cjson.encode(claim))
end
local function dropClaim(machine, tool)
  local claim = claimOf(machine, tool)
  if not claim then return end
  account(tool, claim)
  claims[machine][tool] = false
  redis.call('HDEL', G .. '.claims:' .. machine, tool)
  if isLane(tool) then redis.call('HDEL', G .. '.lined:' .. machine, tool) end
  local drains = machineOf(machine)
  if drains.drain and drains.drain.tool == tool then
    drains.drain = nil
    redis.call('HDEL', G .. '.drains', machine)
    freedMachines[machine] = true
  end
  for _, line in ipairs(claim.l or {}) do
    redis.call('SREM', G .. '.line:' .. line, machine .. '\\n' .. tool)
    if first[line] and first[line].tool == tool then first[line] = nil end
    freedLines[line] = true
  end
end
dropClaims = function(machine)
  for tool in pairs(claimsOf(machine, true)) do dropClaim(machine, tool) end
end
local function keepsFree(claim, limits, take, reasons)
  local waited = now - claim.s - math.max(3000, 3 * (limits.serviceMs or 0))
  if #take.b < 2 or waited < 0 or waited % (2 * 30000) >= 30000 then return false end
  for _, reason in ipairs(reasons) do if reason.kind ~= 'slots' and reason.kind ~= 'behind' then return false end end
  return true
end
local function lineUp(machine, tool, claim, limits, take, reasons, rank)
  local member, lines, stands = machine .. '\\n' .. tool, {}, {}
  local function stand(line)
    if not stands[line] then lines[#lines + 1] = line end
    stands[line] = true
  end
  for _, reason in ipairs(reasons) do
    if reason.line then stand(reason.line)
    else lines, stands = {}, {} break end
  end
  if keepsFree(claim, limits, take, reasons) then
    for _, one in ipairs(take.b) do if one[2] > 0 then stand(one[1]) end end
  end
  for _, line in ipairs(claim.l or {}) do
    if not stands[line] then
      redis.call('SREM', G .. '.line:' .. line, member)
      if first[line] and first[line].tool == tool then first[line] = nil end
      freedLines[line] = true
    end
  end
  claim.l = lines
  for _, line in ipairs(lines) do
    redis.call('SADD', G .. '.line:' .. line, member)
    local front = first[line]
    if not front or front.tool == tool or goesBefore(rank, front.rank, line) then first[line] = { tool = tool, rank = rank } end
  end
end
local function drainFor(machine, tool, claim, limits, take, reasons)
  if machine.drain or now - claim.s < math.max(3000, 3 * (limits.serviceMs or 0)) then return end
  local largest = 0
  for _, amount in pairs(take.n) do largest = math.max(largest, amount) end
  if largest <= 0.3 * 1000000 then return end
  for _, reason in ipairs(reasons) do if reason.kind ~= 'resource' then return end end
  local kept = redis.call('HGETALL', G .. '.drains')
  local count = 0
  for i = 1, #kept, 2 do
    local drain = cjson.decode(kept[i + 1])
    if now > drain.at + drain.ms then redis.call('HDEL', G .. '.drains', kept[i])
    elseif drain.tool == tool then return
    else count = count + 1 end
  end
  if count >= math.max(1, math.floor(redis.call('SCARD', G .. '.machines') / 4)) then return end
  machine.drain = { tool = tool, n = take.n, at = now, ms = 30000 }
  redis.call('HSET', G .. '.drains', machine.name, cjson.encode(machine.drain))
end
local function untilOf(reasons)
  local at = 0
  for _, reason in ipairs(reasons) do at = math.max(at, reason.untilMs or 0) end
  return at
end
local function wakeEarlier(tool, claim, reasons)
  local at = untilOf(reasons)
  if at > 0 and claim.u and at < claim.u - 2 and claim.p[1] then tell('wake:' .. claim.p[1], tool) end
  claim.u = at
end
local function unclaimed(tool)
  local queue = P .. ':' .. tool .. ':'
  local jobs = redis.call('LLEN', queue .. 'wait') + redis.call('ZCARD', queue .. 'prioritized')
  return math.max(1, jobs) - runningOf('o:' .. tool)
end
local own
local others = {}
local function aloneIn(tool, limits, take, machine)
  local base = baseOf(tool)
  if machine.drain or isTried(base, limits.upstream) then return false end
  for other in pairs(claimsOf(machine.name)) do if other ~= tool then return false end end
  local lines = { 'k:' .. base, 'u:' .. limits.upstream }
  for _, one in ipairs(take.b) do lines[#lines + 1] = one[1] end
  for _, line in ipairs(lines) do
    if (others[line] or redis.call('SCARD', G .. '.line:' .. line)) > 0 then return false end
  end
  return lines
end
local function serveClaim(machineName, tool, claim)
  local limits, machine = toolOf(tool), machineOf(machineName)
  while true do
    local head = headOf(tool)
    if not head or not limits then
      for _, process in ipairs(claim.p) do tell('wake:' .. process, tool) end
      dropClaim(machineName, tool)
      return {}
    end
    local take, rank = takeOf(limits, head.take), rankOf(head)
    local reasons = decide(tool, limits, take, machine, rank)
    if #reasons > 0 then
      if claim.s then
        account(tool, claim, labelOf(reasons))
        wakeEarlier(tool, claim, reasons)
        lineUp(machineName, tool, claim, limits, take, reasons, rank)
        drainFor(machine, tool, claim, limits, take, reasons)
        saveClaim(machineName, tool, claim)
      end
      return reasons
    end
    if own and not own.granted and own.tool == tool and own.machine == machineName then
      own.granted, own.take, own.guard = (grant(tool, limits, take, machine, own.process, head, false)), head.take, guardOfTake(take)
      own.alone = own.guard == 0 and not head.take and aloneIn(tool, limits, take, machine)
      own.picked, own.meets, own.tenant = head.pick or head.arranged, head.place, tenantOf(head.priority)
      if not claim.s then return {} end
      claim.s = now
    else
      if unclaimed(tool) <= 0 then return {} end
      local process
      while #claim.p > 0 and not process do
        process = table.remove(claim.p, 1)
        if not isAlive(process) or redis.call('HEXISTS', G .. '.offered:' .. process, tool) == 1 then process = nil end
      end
      if process then
        grant(tool, limits, take, machine, process, head, true)
        tell('wake:' .. process, tool)
        claim.s = now
      end
      if #claim.p == 0 then
        dropClaim(machineName, tool)
        return {}
      end
      saveClaim(machineName, tool, claim)
    end
  end
end
local function sortedByRank(list, place)
  table.sort(list, function(a, b)
    if not a.rank or not b.rank then return a.rank ~= nil and b.rank == nil end
    if goesBefore(a.rank, b.rank, place) then return true end
    return not goesBefore(b.rank, a.rank, place) and a.since < b.since
  end)
  return list
end
local function ranked(entry)
  local head = headOf(entry.tool)
  entry.rank = head and rankOf(head)
  entry.since = entry.since or now
  return entry
end
local NOBODY = {}
local function isOwn(machine, tool) return own and not own.granted and own.machine == machine and own.tool == tool end
local walked = {}
local function serveLine(name)
  if walked[name] then return end
  walked[name] = true
  first[name] = nil
  others[name] = 0
  local line, counted = {}, false
  for _, member in ipairs(redis.call('SMEMBERS', G .. '.line:' .. name)) do
    local machine, tool = string.match(member, '^(.*)\\n(.*)$')
    local claim = claimOf(machine, tool)
    if claim then
      line[#line + 1] = ranked({ machine = machine, tool = tool, since = claim.s })
      if not own or tool ~= own.tool then others[name] = others[name] + 1 end
      if isOwn(machine, tool) then counted = true end
    else
      redis.call('SREM', G .. '.line:' .. name, member)
    end
  end
  if #line == 0 then return end
  if own and not own.granted and not counted then
    local limits = toolOf(own.tool)
    for _, one in ipairs(limits and limits.budgets or {}) do
      if one[1] == name then line[#line + 1] = ranked({ machine = own.machine, tool = own.tool }) end
    end
  end
  for _, entry in ipairs(sortedByRank(line, name)) do
    local claim = claimOf(entry.machine, entry.tool) or (isOwn(entry.machine, entry.tool) and { p = NOBODY })
    for _, reason in ipairs(claim and serveClaim(entry.machine, entry.tool, claim) or NOBODY) do
      if reason.line == name then return end
    end
  end
end
local function serveMachine(name, all)
  local list = {}
  for tool, claim in pairs(claimsOf(name, all)) do list[#list + 1] = ranked({ tool = tool, since = claim.s }) end
  if own and own.machine == name and not claimOf(name, own.tool) then list[#list + 1] = ranked({ tool = own.tool }) end
  for _, entry in ipairs(sortedByRank(list, 'm:' .. name)) do
    local limits = toolOf(entry.tool)
    for _, one in ipairs(limits and limits.budgets or NOBODY) do serveLine(one[1]) end
    local claim = claimOf(name, entry.tool) or (isOwn(name, entry.tool) and { p = NOBODY })
    if claim then serveClaim(name, entry.tool, claim) end
  end
end
local function serveFreed()
  for _ = 1, 5 do
    local lines, freed = freedLines, freedMachines
    if next(lines) == nil and next(freed) == nil then return end
    freedLines, freedMachines = {}, {}
    for name in pairs(lines) do
      walked[name] = nil
      serveLine(name)
    end
    for name in pairs(freed) do serveMachine(name) end
  end
end
local function wakeFor(tool)
  local head = headOf(tool)
  if head and not head.due then redis.call('ZADD', P .. ':' .. tool .. ':marker', 0, '0') end
end
local function serveAll()
  settled = {}
  for _, machine in ipairs(redis.call('SMEMBERS', G .. '.machines')) do serveMachine(machine, true) end
end
`;

const YIELD_PART = `local function markFree(tool, job)
  local queue = P .. ':' .. tool .. ':'
  redis.call('ZADD', G .. '.free', digits(now + 604800000), job)
  if redis.call('EXISTS', queue .. job) == 0 then return end
  redis.call('HSET', queue .. job, 'priority', 1)
  if not redis.call('ZSCORE', queue .. 'prioritized', job) then return end
  redis.call('ZADD', queue .. 'prioritized', PRIORITY, job)
  redis.call('ZADD', queue .. 'marker', 0, '0')
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    local claim = claimOf(name, tool)
    for _, process in ipairs(claim and claim.p or {}) do tell('wake:' .. process, tool) end
  end
end
local function isSpare(queue, job, data)
  if not string.find(data, '"spare":true', 1, true) then return false end
  local begun = redis.call('HMGET', queue .. job, 'atm', 'stc')
  return (begun[1] or '0') == '0' and (begun[2] or '0') == '0'
end
local function letPass(tool, reasons)
  local rests, away = false, false
  for _, reason in ipairs(reasons) do
    rests = rests or reason.kind == 'degraded'
    away = away or (reason.kind == 'breaker' and reason.state == 'open') or reason.kind == 'cool_down'
  end
  if not rests and not away then return nil end
  local queue, found = P .. ':' .. tool .. ':', nil
  local due = digits((now + 1) * 4096 - 1)
  for _, jobs in ipairs({
    redis.call('ZRANGE', queue .. 'prioritized', 0, 500 - 1),
    redis.call('ZRANGEBYSCORE', queue .. 'delayed', '-inf', due, 'LIMIT', 0, 500)
  }) do
    for _, job in ipairs(jobs) do
      local data = redis.call('HGET', queue .. job, 'data') or ''
      if (rests and isSpare(queue, job, data)) or (away and string.find(data, '"falls":true', 1, true)) then
        markFree(tool, job)
        found = found or job
      end
    end
  end
  if not found then return nil end
  heads[tool] = nil
  local head = headOf(tool)
  return head and redis.call('ZSCORE', G .. '.free', head.job) and head.job or found
end
`;

const OPERATIONS_PART = `local operations = {}
local declaring = {}
local function leaveClaim(machine, tool, process)
  local claim = claimOf(machine, tool)
  if not claim then return end
  for i = #claim.p, 1, -1 do if claim.p[i] == process then table.remove(claim.p, i) end end
  if #claim.p == 0 then dropClaim(machine, tool) else saveClaim(machine, tool, claim) end
end
local function dropOffer(process, tool)
  local id = redis.call('HGET', G .. '.offered:' .. process, tool)
  local permit = id and permitOf(id)
  if permit then giveBack(id, permit, { class = 'none', unused = true }) end
end
`;

const CALLS_PART = `function operations.acquire(op)
  local tool, name, process = op.tool, op.machine, op.process
  if not isAlive(process) then return { 'unknown' } end
  declaring.comesBack(process)
  local queue = P .. ':' .. tool .. ':'
  local head = redis.call('HEXISTS', queue .. 'meta', 'paused') == 0 and headOf(tool)
  if not head then
    leaveClaim(name, tool, process)
    dropOffer(process, tool)
    if head == false and redis.call('HEXISTS', queue .. 'meta', 'paused') == 1 then return { 'paused' } end
    local due = redis.call('ZRANGE', queue .. 'delayed', 0, 0, 'WITHSCORES')
    return { 'empty', due[1] and math.max(1, math.floor(tonumber(due[2]) / 4096) - now) or 0 }
  end
  if redis.call('ZSCORE', G .. '.free', head.job) then return { 'free', head.job } end
  local limits = toolOf(tool)
  if not limits then
    pick(tool, head)
    return { 'open' }
  end
  local machine = machineOf(name)
  local offered = redis.call('HGET', G .. '.offered:' .. process, tool)
  local permit = offered and permitOf(offered)
  if permit and not stillFits(permit) then
    giveBack(offered, permit, { class = 'none', unused = true })
    permit = nil
  end
  if permit then
    permit.o, permit.s, permit.a = nil, now, callMs(baseOf(tool), runningOf(baseOf(tool)), 0)
    countOffer(tool, -1)
    redis.call('HDEL', G .. '.offered:' .. process, tool)
    redis.call('ZREM', G .. '.offers', offered)
    redis.call('HSET', G .. '.permits', offered, cjson.encode(permit))
    if movePlaces(offered, permit) <= now then return { 'granted', offered, permit.w or false, guardOfTake(permit) } end
    giveBack(offered, permit, { class = 'none', unused = true })
  end
  local take, rank = takeOf(limits, head.take), rankOf(head)
  for _, one in ipairs(take.b) do serveLine(one[1]) end
  local reasons = decide(tool, limits, take, machine, rank)
  local passing = letPass(tool, reasons)
  if passing then return { 'free', passing } end
  if #reasons == 0 then
    if next(take.n) == nil and #take.b == 0 and not limits.cap and not limits.external and not troubleOf('b:' .. baseOf(tool)) and not troubleOf('u:' .. limits.upstream) then
      pick(tool, head)
      return { 'open' }
    end
    leaveClaim(name, tool, process)
    local left = claimOf(name, tool)
    if left then
      left.s = now
      saveClaim(name, tool, left)
    end
    return { 'granted', (grant(tool, limits, take, machine, process, head, false)), head.take or false, guardOfTake(take) }
  end
  local claim = claimOf(name, tool) or { p = {}, s = now }
  local known = false
  for _, other in ipairs(claim.p) do known = known or other == process end
  if not known then claim.p[#claim.p + 1] = process end
  account(tool, claim, labelOf(reasons))
  claim.u = untilOf(reasons)
  lineUp(name, tool, claim, limits, take, reasons, rank)
  drainFor(machine, tool, claim, limits, take, reasons)
  saveClaim(name, tool, claim)
  redis.call('ZADD', queue .. 'marker', 0, '0')
  return { 'refused', math.max(0, claim.u - now), claim.k }
end
local function arrange(queue, most)
  local count = 0
  while count < most do
    local head = headOf(queue)
    if not head or not head.pick then break end
    pick(queue, head)
    count = count + 1
  end
  return count
end
local function handOns(asks)
  if not own.alone or own.meets then return 0 end
  local count = own.picked and arrangeAlone(asks.tool, asks.arrange or 0) or -1
  if count ~= 0 then noteAlone(asks.machine, asks.tool, own.tenant, count < 0 and 'any' or 'arranged', own.alone) end
  return count
end
function operations.swap(op)
  local id, call = op.permit, op.call
  local permit = permitOf(id)
  if not permit then return { 'gone' } end
  giveBack(id, permit, call)
  local asks = op.next
  if asks and isAlive(asks.process) then
    declaring.comesBack(asks.process)
    if redis.call('HEXISTS', P .. ':' .. asks.tool .. ':meta', 'paused') == 0 then own = asks end
  end
  serveFreed()
  local granted = own and own.granted
  if not granted then wakeFor(permit.t) end
  local answer = granted and { 'granted', granted, own.take or false, own.guard, handOns(asks) } or { 'done' }
  own = nil
  return answer
end
function operations.ended(op)
  local base, times, before = baseOf(op.queue), op.times, op.before
  local limits = toolOf(op.queue)
  local upstream = limits and limits.upstream or base
  local underway = runningOf(base)
  local sum = callMs(base, underway, 0)
  local since, sumSince = unpack(before or {})
  local beside = besideOf(since or now, sumSince, sum, underway)
  local teaches = learns and not isTried(base, upstream)
  for _, one in ipairs(times) do
    serve(base, one[1])
    if teaches then sample(op.queue, one[1], beside, 'ok', one[2] == 1) end
  end
  add(G .. '.outcomes', base .. '\\nok', #times)
  learnTrouble(base, upstream, op.machine, { class = 'ok', since = now - times[#times][1], underway = underway })
  return { now, sum }
end
function operations.handed(op)
  local permit = permitOf(op.permit)
  if permit then
    local since = now - op.ms
    add(G .. '.busy:' .. permit.m, baseOf(permit.t), math.max(0, since - permit.s))
    permit.j, permit.s, permit.a = op.job, since, nil
    redis.call('HSET', G .. '.permits', op.permit, cjson.encode(permit))
  end
  return 0
end
function operations.arrange(op) return arrange(op.queue, op.count) end
function operations.amend(op)
  local id, saying = op.permit, op.take
  local permit = permitOf(id)
  if not permit then return { 'refused' } end
  giveBack(id, permit, { class = 'none', unused = true })
  local limits, machine, head = toolOf(permit.t), machineOf(permit.m), { job = permit.j, take = saying }
  if limits then
    local take = takeOf(limits, head.take)
    if #decide(permit.t, limits, take, machine) == 0 then
      return { 'granted', (grant(permit.t, limits, take, machine, permit.p, head, false)), saying or false, guardOfTake(take) }
    end
  end
  return { 'refused' }
end
function operations.stamp(op)
  local permit = permitOf(op.permit)
  if not permit then return 0 end
  local at = movePlaces(op.permit, permit)
  return at > now and at - now or 0
end
function operations.report(op)
  local tool, call = baseOf(op.tool), op.call
  local limits = toolOf(tool)
  add(G .. '.outcomes', tool .. '\\n' .. call.class, call.count or 1)
  learnTrouble(tool, limits and limits.upstream or tool, op.machine, {
    class = call.class, retryAfterMs = call.retryAfterMs, since = now,
    underway = (call.underway or 1) * math.max(1, redis.call('ZCARD', G .. '.processes'))
  })
  return 0
end
`;

const ANSWER_PART = `local ofCalls = { acquire = 1, swap = 1, ended = 1, handed = 1, amend = 1, stamp = 1, report = 1, arrange = 1 }
local function answer(first)
  local answers = {}
  local done, failure = pcall(function()
    first()
    for index, op in ipairs(cjson.decode(ARGV[2])) do
      if not ofCalls[op.op] then settle() end
      answers[index] = operations[op.op](op)
      serveFreed()
      if #settled > 0 then serveAll() end
    end
  end)
  settle()
  if not done then error(failure) end
  return cjson.encode(answers)
end
`;

const PROCESSES_PART = `function operations.register(op)
  local name, process = op.machine, op.process
  redis.call('SADD', G .. '.machines', name)
  redis.call('ZADD', G .. '.processes', digits(now + op.leaseMs), process)
  redis.call('HSET', G .. '.process-info', process, name)
  for r, amount in pairs(op.capacity) do redis.call('HSET', G .. '.machine:' .. name, 'c:' .. r, amount) end
  readAgain(name)
  serveMachine(name)
  return 0
end
function operations.renew(op)
  local known, offers, held = isAlive(op.process), {}, {}
  for _, id in ipairs(redis.call('HVALS', G .. '.offered:' .. op.process)) do offers[id] = true end
  for _, id in ipairs(redis.call('SMEMBERS', G .. '.held:' .. op.process)) do
    if not offers[id] then held[#held + 1] = id end
  end
  redis.call('ZADD', G .. '.processes', digits(now + op.leaseMs), op.process)
  redis.call('HSET', G .. '.process-info', op.process, op.machine)
  redis.call('SADD', G .. '.machines', op.machine)
  declaring.isHeard(op.process)
  return { known and 1 or 0, held }
end
function operations.adopt(op)
  local limits, saying = toolOf(op.tool), op.take
  if not limits then return { 'refused' } end
  local take = takeOf(limits, saying)
  return { 'granted', (grant(op.tool, limits, take, machineOf(op.machine), op.process, { take = saying }, false, op.underwayMs)), saying or false, guardOfTake(take) }
end
function operations.leave(op)
  for _, id in ipairs(redis.call('SMEMBERS', G .. '.held:' .. op.process)) do
    local permit = permitOf(id)
    if permit then
      giveBack(id, permit)
      wakeFor(permit.t)
    end
  end
  redis.call('DEL', G .. '.held:' .. op.process, G .. '.offered:' .. op.process)
  redis.call('ZREM', G .. '.processes', op.process)
  redis.call('HDEL', G .. '.process-info', op.process)
  for tool in pairs(claimsOf(op.machine, true)) do leaveClaim(op.machine, tool, op.process) end
  forgetMachine(op.machine)
  declaring.undeclare(op.process)
  return 0
end
function operations.leaveLane(op)
  leaveClaim(op.machine, op.queue, op.process)
  dropOffer(op.process, op.queue)
  return 0
end
function operations.dropLaneWindows()
  local passed = redis.call('ZRANGEBYSCORE', G .. '.lane-windows', '-inf', stamp, 'LIMIT', 0, 100)
  for _, member in ipairs(passed) do
    local name, durationMs = string.match(member, '^(.*)\\n(%d+)$')
    sumOf(name, tonumber(durationMs))
    redis.call('ZREM', G .. '.lane-windows', member)
  end
  return #passed == 100
end
`;

const LAYERS_PART = `local function takesNothing(limits)
  return next(limits.needs or {}) == nil and next(limits.budgets or {}) == nil and not limits.cap and not limits.external
end
local function boundTuned(tuned, declared)
  if not tuned or not declared or not tuned.slots or declared.maxSlots == 'fit' then return tuned end
  local bound = declared.slots and (declared.maxSlots or declared.slots)
  local bounded = {}
  for field, value in pairs(tuned) do bounded[field] = value end
  bounded.slots = bound and math.min(bound, tuned.slots)
  return bounded
end
local LAYERS = { 'declared', 'learned', 'tuned', 'set' }
local function setLayer(kind, id, layer, patch)
  local key = G .. '.layers:' .. kind
  if patch then redis.call('HSET', key, layer .. ':' .. id, cjson.encode(patch)) else redis.call('HDEL', key, layer .. ':' .. id) end
  local whole, any, says = {}, false, {}
  for _, name in ipairs(LAYERS) do
    local text = redis.call('HGET', key, name .. ':' .. id)
    says[name] = text and cjson.decode(text)
  end
  if kind == 'budgets' then says.tuned = boundTuned(says.tuned, says.declared) end
  for _, name in ipairs(LAYERS) do
    for field, value in pairs(says[name] or {}) do
      any = true
      whole[field] = value
    end
  end
  local before = redis.call('HGET', G .. '.' .. kind, id)
  if any then redis.call('HSET', G .. '.' .. kind, id, cjson.encode(whole)) else redis.call('HDEL', G .. '.' .. kind, id) end
  if kind ~= 'tools' then return false end
  local old = before and cjson.decode(before) or {}
  return not before or takesNothing(old) ~= takesNothing(whole) or old.importance ~= whole.importance or old.upstream ~= whole.upstream
end
local function forgetLearned()
  local changed = false
  for _, field in ipairs(redis.call('HKEYS', G .. '.layers:tools')) do
    local tool = string.match(field, '^learned:(.*)$')
    if tool then changed = setLayer('tools', tool, 'learned', false) or changed end
  end
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    for _, field in ipairs(redis.call('HKEYS', G .. '.machine:' .. name)) do
      if string.sub(field, 1, 2) == 'b:' then redis.call('HDEL', G .. '.machine:' .. name, field) end
    end
    readAgain(name)
  end
  redis.call('HDEL', G, 'learns')
  redis.call('DEL', G .. '.samples')
  return changed
end
local function limitsChanged(changed)
  if changed then tellAll('!limits') end
  tools, budgets, walked = {}, {}, {}
  for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do wakeFor(tool) end
  serveAll()
end
`;

const STRICTEST_PART = `local newestCatalogues, strictestBudget, strictestTool, fitTakes
do
local function numbersOf(version)
  local numbers = {}
  for number in string.gmatch(version, '%d+') do numbers[#numbers + 1] = tonumber(number) end
  return numbers
end
local function compareVersions(a, b)
  if not a or not b then return (a and 1 or 0) - (b and 1 or 0) end
  local one, other = numbersOf(a), numbersOf(b)
  for i = 1, math.max(#one, #other) do
    local difference = (one[i] or 0) - (other[i] or 0)
    if difference ~= 0 then return difference end
  end
  return 0
end
newestCatalogues = function(all)
  local newest = {}
  for _, one in ipairs(all) do
    local order = newest[1] and compareVersions(one.v, newest[1].v) or 0
    if order > 0 then newest = {} end
    if order >= 0 then newest[#newest + 1] = one end
  end
  return newest
end
local function least(a, b)
  if not a or not b then return a or b end
  return math.min(a, b)
end
local function most(a, b)
  if not a or not b then return a or b end
  return math.max(a, b)
end
strictestBudget = function(all)
  local found, windows, durations, bound = {}, {}, {}, 'fit'
  for _, budget in ipairs(all) do
    if budget then
      if budget.slots then
        found.slots = least(found.slots, budget.slots)
        if not budget.maxSlots then bound = nil end
        if bound == 'fit' then
          bound = budget.maxSlots
        elseif bound and budget.maxSlots ~= 'fit' then
          bound = math.min(bound, budget.maxSlots)
        end
      end
      for _, window in ipairs(budget.rates or {}) do
        if not windows[window[2]] then durations[#durations + 1] = window[2] end
        windows[window[2]] = least(windows[window[2]], window[1])
      end
    end
  end
  if found.slots then found.maxSlots = bound end
  table.sort(durations)
  for i, duration in ipairs(durations) do
    found.rates = found.rates or {}
    found.rates[i] = { windows[duration], duration }
  end
  return next(found) ~= nil and found or false
end
local function strictestTakes(id, all)
  local takes, names, own = {}, {}, 'tool:' .. id
  for _, limits in ipairs(all) do
    for _, one in ipairs(limits.budgets or {}) do
      if not takes[one[1]] then
        takes[one[1]] = { one[1], 0, 0 }
        names[#names + 1] = one[1]
      end
      local take = takes[one[1]]
      take[2], take[3] = math.max(take[2], one[2]), math.max(take[3], one[3])
    end
  end
  table.sort(names, function(a, b)
    if (a == own) ~= (b == own) then return a == own end
    return a < b
  end)
  local list = {}
  for i, name in ipairs(names) do list[i] = takes[name] end
  return list
end
local function strictestBreaker(all)
  local found
  for _, limits in ipairs(all) do found = found or limits.breaker end
  if not found then return nil end
  found = {}
  for _, limits in ipairs(all) do
    local own = limits.breaker or {}
    found.failures = least(found.failures, own.failures or 5)
    found.openMs = most(found.openMs, own.openMs or 60000)
    found.probes = least(found.probes, own.probes or 3)
  end
  return found
end
local function strictestPerKey(all)
  local lists, cost = {}, nil
  for _, limits in ipairs(all) do
    if limits.perKey then
      lists[#lists + 1] = limits.perKey
      cost = most(cost, limits.perKey.cost)
    end
  end
  local found = strictestBudget(lists)
  if not found then return nil end
  for _, window in ipairs(found.rates or {}) do cost = math.min(cost, window[1]) end
  found.cost = cost
  return found
end
strictestTool = function(id, all)
  local found = { needs = {}, budgets = strictestTakes(id, all), breaker = strictestBreaker(all), perKey = strictestPerKey(all) }
  for _, limits in ipairs(all) do
    for r, units in pairs(limits.needs or {}) do found.needs[r] = most(found.needs[r], units) end
    if not found.upstream or (limits.upstream and limits.upstream < found.upstream) then found.upstream = limits.upstream end
    found.importance = most(found.importance, limits.importance)
    found.serviceMs = most(found.serviceMs, limits.serviceMs)
    found.cap = least(found.cap, limits.cap)
    found.external = found.external or limits.external
  end
  return found
end
fitTakes = function(limits, budgets)
  for _, take in ipairs(limits.budgets) do
    local budget = budgets[take[1]]
    if budget then
      take[2] = least(take[2], budget.slots)
      for _, window in ipairs(budget.rates or {}) do take[3] = math.min(take[3], window[1]) end
    end
  end
end
end
`;

const DECLARED_PART = `do
local function declarationKey(hash) return G .. '.layers:catalogue_' .. hash end
local function livingDeclarations()
  local seen, hashes = {}, {}
  local processes = redis.call('ZRANGE', G .. '.layers:heard', 0, -1)
  for from = 1, #processes, 500 do
    local some = redis.call('HMGET', G .. '.layers:catalogues', unpack(processes, from, math.min(from + 499, #processes)))
    for _, hash in ipairs(some) do
      if hash and not seen[hash] then
        seen[hash] = true
        hashes[#hashes + 1] = hash
      end
    end
  end
  table.sort(hashes)
  return hashes
end
local function textsOf(hashes)
  local texts = {}
  for _, hash in ipairs(hashes) do
    local flat = redis.call('HGETALL', declarationKey(hash))
    for i = 1, #flat, 2 do
      local field, text = flat[i], flat[i + 1]
      if field ~= 'versions' then
        texts[field] = texts[field] or {}
        local known = false
        for _, other in ipairs(texts[field]) do known = known or other == text end
        if not known then texts[field][#texts[field] + 1] = text end
      end
    end
  end
  return texts
end
local function decoded(texts)
  local all = {}
  for i, text in ipairs(texts) do all[i] = cjson.decode(text) end
  return newestCatalogues(all)
end
local function pluck(all, field)
  local list = {}
  for i, one in ipairs(all) do list[i] = one[field] or false end
  return list
end
local function strictestOf(hashes)
  local declared = { tools = {}, budgets = {} }
  for field, texts in pairs(textsOf(hashes)) do
    local kind, id, all = string.sub(field, 1, 2), string.sub(field, 3), decoded(texts)
    if kind == 'b:' then
      declared.budgets[id] = strictestBudget(pluck(all, 'l'))
    elseif #all == 1 then
      declared.tools[id], declared.budgets['tool:' .. id] = all[1].l, all[1].o
    else
      declared.tools[id] = strictestTool(id, pluck(all, 'l'))
      declared.budgets['tool:' .. id] = strictestBudget(pluck(all, 'o'))
    end
  end
  if #hashes > 1 then
    for _, limits in pairs(declared.tools) do fitTakes(limits, declared.budgets) end
  end
  return declared
end
local function settleDeclared()
  local hashes = livingDeclarations()
  local made = table.concat(hashes, ' ')
  if #hashes == 0 or redis.call('HGET', G, 'declared') == made then return end
  redis.call('HSET', G, 'declared', made)
  local changed = false
  for kind, all in pairs(strictestOf(hashes)) do
    local key = G .. '.layers:' .. kind
    for _, field in ipairs(redis.call('HKEYS', key)) do
      local id = string.match(field, '^declared:(.*)$')
      if id and not all[id] then changed = setLayer(kind, id, 'declared', false) or changed end
    end
    for id, patch in pairs(all) do
      local before = redis.call('HGET', key, 'declared:' .. id)
      if patch and before ~= cjson.encode(patch) then changed = setLayer(kind, id, 'declared', patch) or changed end
    end
  end
  limitsChanged(changed)
  tellAll('!declared')
end
local function dropDeclaration(hash)
  for _, other in ipairs(redis.call('HVALS', G .. '.layers:catalogues')) do if other == hash then return end end
  redis.call('DEL', declarationKey(hash))
end
function declaring.heardOf(process)
  if redis.call('HEXISTS', G .. '.layers:catalogues', process) == 0 then return false end
  local key = G .. '.layers:heard'
  if redis.call('ZCOUNT', key, '(' .. stamp, '+inf') == 0 then
    for _, other in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZADD', key, digits(now + 7500), other) end
  end
  return redis.call('ZADD', key, digits(now + 15000), process) == 1
end
function declaring.isHeard(process)
  if declaring.heardOf(process) then settleDeclared() end
end
function declaring.comesBack(process)
  if not redis.call('ZSCORE', G .. '.layers:heard', process) then declaring.isHeard(process) end
end
function declaring.undeclare(process)
  local hash = redis.call('HGET', G .. '.layers:catalogues', process)
  if not hash then return end
  redis.call('HDEL', G .. '.layers:catalogues', process)
  redis.call('ZREM', G .. '.layers:heard', process)
  dropDeclaration(hash)
  settleDeclared()
end
function declaring.forgetSilent()
  local key = G .. '.layers:heard'
  local count = redis.call('ZCOUNT', key, '-inf', stamp)
  if count == 0 or count == redis.call('ZCARD', key) then return end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', stamp)
  settleDeclared()
end
function operations.declare(op)
  local process, hash, fields = op.process, op.hash, op.fields
  if not isAlive(process) then return 0 end
  local key = declarationKey(hash)
  if redis.call('EXISTS', key) == 0 then
    for field, text in pairs(fields) do redis.call('HSET', key, field, text) end
  end
  local before = redis.call('HGET', G .. '.layers:catalogues', process)
  redis.call('HSET', G .. '.layers:catalogues', process, hash)
  declaring.heardOf(process)
  if before and before ~= hash then dropDeclaration(before) end
  settleDeclared()
  return #livingDeclarations()
end
function operations.declarations()
  local hashes = livingDeclarations()
  local shown = { by = {}, versions = {}, differs = {}, set = {} }
  for _, process in ipairs(redis.call('ZRANGE', G .. '.layers:heard', 0, -1)) do
    shown.by[process] = redis.call('HGET', G .. '.layers:catalogues', process) or nil
  end
  for _, hash in ipairs(hashes) do shown.versions[hash] = redis.call('HGET', declarationKey(hash), 'versions') or nil end
  if #hashes < 2 then return shown end
  for field, texts in pairs(textsOf(hashes)) do
    if #texts > 1 then
      local says, kind, id = {}, string.sub(field, 1, 2) == 't:' and 'tools' or 'budgets', string.sub(field, 3)
      for _, hash in ipairs(hashes) do says[hash] = redis.call('HGET', declarationKey(hash), field) or nil end
      shown.differs[field] = says
      shown.set[field] = redis.call('HGET', G .. '.layers:' .. kind, 'set:' .. id) or nil
      if kind == 'tools' then shown.set['o:' .. id] = redis.call('HGET', G .. '.layers:budgets', 'set:tool:' .. id) or nil end
    end
  end
  return shown
end
end
`;

const LEVEL_PART = `local function levelNow() return tonumber(redis.call('HGET', G, 'level') or '0') end
local function turnLevel(to, reason, by)
  local from = levelNow()
  redis.call('XADD', G .. '.audit', 'MAXLEN', '~', 1000, '*', 'at', stamp, 'from', from, 'to', to, 'reason', reason, 'by', by)
  if from == to then return end
  redis.call('HSET', G, 'level', to)
  tellAll('!level')
  walked = {}
  serveAll()
end
local function fixedBy()
  local fixed = redis.call('HMGET', G, 'levelBy', 'levelUntil')
  if not fixed[1] then return nil end
  if not fixed[2] or tonumber(fixed[2]) > now then return fixed[1], tonumber(fixed[2] or '0') end
  redis.call('HDEL', G, 'levelBy', 'levelUntil')
  turnLevel(levelNow(), 'its time is over', fixed[1])
end
function operations.fix(op)
  local to, by = op.level, op.by or {}
  local who = by.who or 'an operator'
  redis.call('HDEL', G, 'levelBy', 'levelUntil')
  if to == 'auto' then
    turnLevel(levelNow(), by.reason or 'given back to what is counted', who)
    return 0
  end
  redis.call('HSET', G, 'levelBy', who)
  if by.untilMs then redis.call('HSET', G, 'levelUntil', digits(by.untilMs)) end
  turnLevel(to, by.reason or 'fixed by hand', who)
  return 0
end
function operations.turn(op)
  if fixedBy() or levelNow() ~= op.from then return 0 end
  turnLevel(op.to, op.reason, 'tutti')
  return 1
end
function operations.level(op)
  local by, untilMs = fixedBy()
  local changes = {}
  for index, entry in ipairs(redis.call('XREVRANGE', G .. '.audit', '+', '-', 'COUNT', op.count)) do
    local change = {}
    for i = 1, #entry[2], 2 do change[entry[2][i]] = entry[2][i + 1] end
    changes[digits(index)] = change
  end
  return { level = levelNow(), by = by, untilMs = untilMs, changes = changes }
end
function operations.health()
  local by = fixedBy()
  local seen = { now = now, level = levelNow(), by = by, outcomes = hash(G .. '.outcomes'), open = {}, upstreams = {} }
  for field, text in pairs(hash(G .. '.trouble')) do
    local tool = string.match(field, '^b:(.*)$')
    local breaker = tool and cjson.decode(text)
    if breaker and breaker.s == 'open' and now < breaker.until_ then seen.open[tool] = breaker.until_ end
  end
  for tool, text in pairs(hash(G .. '.tools')) do seen.upstreams[tool] = cjson.decode(text).upstream end
  return seen
end
function operations.rests(op)
  local limits, level = toolOf(op.tool), levelNow()
  return limits and (limits.importance or 1) > 2 - level and level or -1
end
`;

const CONFIGURE_PART = `function operations.configure(op)
  local changes = op.changes
  local changed = changes.forget and forgetLearned() or false
  for _, kind in ipairs({ 'tools', 'budgets' }) do
    for id, layers in pairs(changes[kind] or {}) do
      for layer, patch in pairs(layers) do changed = setLayer(kind, id, layer, patch) or changed end
    end
  end
  for _, tool in ipairs(changes.open or {}) do
    redis.call('DEL', G .. '.failures:' .. tool)
    for _, field in ipairs({ 'b:' .. tool, 'u:' .. ((toolOf(tool) or {}).upstream or tool) }) do
      if troubleOf(field) then setTrouble(field, false) end
    end
  end
  if changed then tellAll('!limits') end
  for tool in pairs(changes.tools or {}) do wakeFor(tool) end
  if next(changes.budgets or {}) ~= nil then
    for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do wakeFor(tool) end
  end
  for name, fields in pairs(changes.machines or {}) do
    for field, value in pairs(fields) do redis.call('HSET', G .. '.machine:' .. name, field, digits(value)) end
    readAgain(name)
  end
  tools, budgets, walked = {}, {}, {}
  if changes.level then operations.fix({ level = changes.level, by = changes.levelBy }) end
  serveAll()
  return 0
end
`;

const PASSING_PART = `function operations.pass(op)
  redis.call('ZREMRANGEBYSCORE', G .. '.free', '-inf', stamp)
  for _, one in ipairs(op.jobs) do markFree(one.queue, one.job) end
  return 0
end
function operations.passed(op)
  return redis.call('ZREM', G .. '.free', unpack(op.jobs))
end
`;

const SHOW_PART = `function operations.show()
  for name, text in pairs(hash(G .. '.budgets')) do
    for _, window in ipairs(cjson.decode(text).rates or {}) do sumOf(name, window[2]) end
  end
  local shown = {
    now = now, machines = {}, claims = {}, active = {}, leases = {},
    level = tonumber(redis.call('HGET', G, 'level') or '0'),
    processes = hash(G .. '.process-info'), permits = hash(G .. '.permits'), tools = hash(G .. '.tools'),
    budgets = hash(G .. '.budgets'), used = hash(G .. '.used'), troubles = hash(G .. '.trouble'),
    drains = hash(G .. '.drains'), service = hash(G .. '.service'), running = hash(G .. '.running'),
    blocked = hash(G .. '.blocked'), outcomes = hash(G .. '.outcomes'),
    toolLayers = hash(G .. '.layers:tools'), budgetLayers = hash(G .. '.layers:budgets')
  }
  local leases = redis.call('ZRANGE', G .. '.processes', 0, -1, 'WITHSCORES')
  for i = 1, #leases, 2 do shown.leases[leases[i]] = leases[i + 1] end
  for _, text in pairs(shown.permits) do
    local tool = cjson.decode(text).t
    shown.active[tool] = shown.active[tool] or redis.call('LRANGE', P .. ':' .. tool .. ':active', 0, -1)
  end
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    shown.machines[name] = hash(G .. '.machine:' .. name)
    shown.claims[name] = hash(G .. '.claims:' .. name)
    for lane, claim in pairs(hash(G .. '.lined:' .. name)) do shown.claims[name][lane] = claim end
  end
  return shown
end
`;

const SAMPLES_PART = `local function waitingIn(queue)
  local key = P .. ':' .. queue .. ':'
  return redis.call('LLEN', key .. 'wait') + redis.call('ZCARD', key .. 'prioritized')
end
function operations.busy(op)
  local name, busy = op.machine, {}
  for tool, ms in pairs(hash(G .. '.busy:' .. name)) do busy[tool] = tonumber(ms) end
  for _, text in ipairs(redis.call('HVALS', G .. '.permits')) do
    local permit = cjson.decode(text)
    if permit.m == name and not permit.o then
      local tool = baseOf(permit.t)
      busy[tool] = (busy[tool] or 0) + now - permit.s
    end
  end
  return { now = now, busy = busy }
end
function operations.observe()
  redis.call('HSET', G, 'learns', 1)
  local seen = { now = now, calls = redis.call('LRANGE', G .. '.samples', 0, -1), usage = hash(G .. '.usage'), running = hash(G .. '.running') }
  redis.call('DEL', G .. '.samples')
  return seen
end
function operations.sample()
  local seen = { now = now, level = tonumber(redis.call('HGET', G, 'level') or '0'), queues = {}, blocked = {}, machines = {}, usage = hash(G .. '.usage'), admitted = {} }
  for definition, count in pairs(hash(P .. '.admissions')) do seen.admitted[definition] = tonumber(count) end
  redis.call('DEL', P .. '.admissions')
  local function look(queue)
    local key = P .. ':' .. queue .. ':'
    local waiting = waitingIn(queue)
    local active, delayed = redis.call('LLEN', key .. 'active'), redis.call('ZCARD', key .. 'delayed')
    if waiting + active + delayed == 0 then return end
    local sum = seen.queues[baseOf(queue)] or { 0, 0, 0 }
    seen.queues[baseOf(queue)] = { sum[1] + waiting, sum[2] + active, sum[3] + delayed }
  end
  for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do look(tool) end
  for _, lane in ipairs(redis.call('ZRANGE', P .. '.lanes', 0, -1)) do look(lane) end
  for field, ms in pairs(hash(G .. '.blocked')) do seen.blocked[field] = tonumber(ms) end
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    seen.machines[name] = {}
    for field, value in pairs(hash(G .. '.machine:' .. name)) do seen.machines[name][field] = tonumber(value) end
    for queue, claim in pairs(claimsOf(name, true)) do
      if claim.k and claim.a then
        local field = baseOf(queue) .. '\\n' .. claim.k
        seen.blocked[field] = (seen.blocked[field] or 0) + math.max(0, now - claim.a)
      end
    end
  end
  return seen
end
`;

const EXPLAIN_PART = `local LOOKED_AT = 50
local function ranksOf(tool, job)
  local queue, ranks = P .. ':' .. tool .. ':', {}
  local function add(id, priority, turn)
    local at = tonumber(redis.call('HGET', queue .. id, 'timestamp') or stamp)
    local rank = rankOf({ priority = priority, at = at })
    rank.job, rank.turn = id, turn
    ranks[#ranks + 1] = rank
  end
  local plain = redis.call('LRANGE', queue .. 'wait', -LOOKED_AT, -1)
  for i = #plain, 1, -1 do add(plain[i], 0, 0) end
  local key = queue .. 'prioritized'
  local first = firstIn(key, from(FIRST), '+inf')
  local rivals = first and rivalsIn(tool, key, first)
  local function addAll(least, most)
    local found = redis.call('ZRANGEBYSCORE', key, least, most, 'WITHSCORES', 'LIMIT', 0, LOOKED_AT)
    for i = 1, #found, 2 do add(found[i], math.floor(tonumber(found[i + 1]) / PRIORITY), rivals and (i - 1) / 2 or 0) end
  end
  addAll('-inf', below(FIRST))
  if rivals then
    for _, rival in ipairs(rivals) do
      local least = FIRST + rival.tenant * PER_TENANT
      addAll(from(least), below(least + PER_TENANT))
    end
  else
    addAll(from(FIRST), '+inf')
  end
  table.sort(ranks, function(a, b)
    if a.turn ~= b.turn then return a.turn < b.turn end
    if goesBefore(a, b, 'q:' .. tool) then return true end
    return not goesBefore(b, a, 'q:' .. tool) and a.job < b.job
  end)
  local shown = {}
  for i, rank in ipairs(ranks) do
    if i > LOOKED_AT then break end
    shown[i] = rank
    if not rivals then rank.turn = i - 1 end
    if rank.job == job then break end
  end
  for _, rank in ipairs(shown) do rank.job = nil end
  return shown
end
local function countAhead(tool, score)
  local key = P .. ':' .. tool .. ':prioritized'
  local priority = math.floor(score / PRIORITY)
  if priority < FIRST then return redis.call('ZCOUNT', key, '-inf', '(' .. digits(score)) end
  local tenant = tenantOf(priority)
  local function least(of) return from(FIRST + of * PER_TENANT) end
  local mine = redis.call('ZCOUNT', key, least(tenant), '(' .. digits(score))
  local ahead = mine + redis.call('ZCOUNT', key, '-inf', below(FIRST))
  local first = firstIn(key, from(FIRST), '+inf')
  for _, rival in ipairs(first and rivalsIn(tool, key, first) or {}) do
    if rival.tenant ~= tenant then
      local theirs = redis.call('ZCOUNT', key, least(rival.tenant), '(' .. least(rival.tenant + 1))
      local turn = goesBefore({ tenant = rival.tenant }, { tenant = tenant }, 'q:' .. tool) and 1 or 0
      ahead = ahead + math.min(theirs, mine + turn)
    end
  end
  return ahead
end
local function keepTurns(lists)
  local tenant
  for _, ranks in ipairs(lists) do
    for _, rank in ipairs(ranks) do
      if tenant and rank.tenant ~= tenant then return end
      tenant = rank.tenant
    end
  end
  for _, ranks in ipairs(lists) do for _, rank in ipairs(ranks) do rank.turn = 0 end end
end
local function othersThan(tool)
  local others, seen = {}, { [tool] = true }
  for _, machine in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    for other in pairs(claimsOf(machine)) do
      local head, limits = not seen[other] and headOf(other), toolOf(other)
      seen[other] = true
      if head and limits then others[#others + 1] = { tool = other, take = takeOf(limits, head.take), ranks = ranksOf(other) } end
    end
  end
  return others
end
local function countBefore(ranks, rank, place)
  local count = 0
  for _, one in ipairs(ranks) do if goesBefore(one, rank, place) then count = count + 1 end end
  return count
end
local function ratesOf(take, calls, others, rank)
  local rates = {}
  for _, one in ipairs(take.b) do
    local name, units = one[1], one[3]
    local budget = units > 0 and budgetOf(name)
    local before = 0
    for _, claim in ipairs(others) do
      for _, other in ipairs(claim.take.b) do
        if other[1] == name then before = before + countBefore(claim.ranks, rank, name) * other[3] end
      end
    end
    for _, window in ipairs(budget and budget.rates or {}) do
      local max, durationMs = window[1], window[2]
      if units <= max then
        local brim = before == 0 and math.floor(max / units) * units or max
        local total = before + calls * units
        local later = math.floor((total - 1) / brim)
        local at = math.max(now, roomAt(name, max, durationMs, total - later * brim))
        rates[#rates + 1] = { budget = name, max = max, durationMs = durationMs, atMs = at + later * (durationMs + guardOf(durationMs)) }
      end
    end
  end
  return rates
end
function operations.explain(op)
  asking = true
  local tool, job = op.tool, op.job
  local queue = P .. ':' .. tool .. ':'
  local head, limits = headOf(tool), toolOf(tool)
  local waiting = redis.call('LLEN', queue .. 'wait')
  local answer = {
    now = now, paused = redis.call('HEXISTS', queue .. 'meta', 'paused') == 1, head = head and head.job,
    waiting = waiting + redis.call('ZCARD', queue .. 'prioritized'), active = redis.call('LLEN', queue .. 'active'),
    running = runningOf(baseOf(tool)), machines = {}, known = limits and true or false,
    service = redis.call('HGET', G .. '.service', baseOf(tool)), others = {}, ranks = {}, rates = {}
  }
  if job ~= '' then
    local at = redis.call('LPOS', queue .. 'wait', job)
    local ahead = at and waiting - 1 - at
    if not ahead then
      local score = redis.call('ZSCORE', queue .. 'prioritized', job)
      ahead = score and waiting + countAhead(tool, tonumber(score))
    end
    answer.ahead = ahead
    answer.free = redis.call('ZSCORE', G .. '.free', job) ~= false
    local due = redis.call('ZSCORE', queue .. 'delayed', job)
    answer.dueMs = due and math.floor(tonumber(due) / 4096)
  end
  local asked = job ~= '' and redis.call('HGET', queue .. job, 'data') or nil
  local own = head and head.take
  if asked then own = sayingOf(asked) end
  if limits then
    local take, rank = takeOf(limits, own), head and rankOf(head)
    answer.take = take
    for _, one in ipairs(take.b) do
      for _, member in ipairs(redis.call('SMEMBERS', G .. '.line:' .. one[1])) do
        local _, other = string.match(member, '^(.*)\\n(.*)$')
        local ahead = headOf(other)
        if ahead and other ~= tool and rank and goesBefore(rankOf(ahead), rank, one[1]) then
          local front = first[one[1]]
          if not front or goesBefore(rankOf(ahead), front.rank, one[1]) then first[one[1]] = { tool = other, rank = rankOf(ahead) } end
        end
      end
    end
    for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
      answer.machines[name] = decide(tool, limits, take, machineOf(name), rank)
    end
    answer.others = othersThan(tool)
    answer.ranks = ranksOf(tool, job == '' and head and head.job or job)
    answer.rates = ratesOf(take, (answer.ahead or 0) + 1, answer.others, answer.ranks[#answer.ranks] or rank)
  end
  local lists = { answer.ranks }
  for _, other in ipairs(answer.others) do lists[#lists + 1] = other.ranks end
  keepTurns(lists)
  asking, heads = false, {}
  return answer
end
`;

export const CALLS = `${CLOCK_PART}${OWED_PART}${STATE_PART}${RANKS_PART}${HANDED_ON_PART}${ORDER_PART}${WINDOWS_PART}${TROUBLES_PART}${DECIDE_PART}${PERMITS_PART}${ALONE_PART}${LINE_PART}${YIELD_PART}${OPERATIONS_PART}${CALLS_PART}${ANSWER_PART}function declaring.comesBack() end
local function isHeard(process)
  return redis.call('ZSCORE', G .. '.layers:heard', process) or redis.call('HEXISTS', G .. '.layers:catalogues', process) == 0
end
local function hasMoreToDo()
  if #redis.call('ZRANGEBYSCORE', G .. '.processes', '-inf', stamp, 'LIMIT', 0, 1) > 0 then return true end
  if redis.call('ZCOUNT', G .. '.layers:heard', '-inf', stamp) > 0 then return true end
  local heard = {}
  for _, op in ipairs(cjson.decode(ARGV[2])) do
    local process = op.process or (op.next and op.next.process)
    if process and not heard[process] then
      if not isHeard(process) then return true end
      heard[process] = true
    end
  end
  return false
end
if hasMoreToDo() then return false end
return answer(function()
  sweep()
  serveFreed()
end)
`;

export const GATE = `${CLOCK_PART}${OWED_PART}${STATE_PART}${RANKS_PART}${HANDED_ON_PART}${ORDER_PART}${WINDOWS_PART}${TROUBLES_PART}${DECIDE_PART}${PERMITS_PART}${ALONE_PART}${LINE_PART}${YIELD_PART}${OPERATIONS_PART}${CALLS_PART}${PROCESSES_PART}${LAYERS_PART}${STRICTEST_PART}${DECLARED_PART}${LEVEL_PART}${CONFIGURE_PART}${PASSING_PART}${SHOW_PART}${SAMPLES_PART}${EXPLAIN_PART}${ANSWER_PART}return answer(function()
  local left, dead = sweep()
  for _, one in ipairs(dead) do
    for tool in pairs(claimsOf(one.machine, true)) do leaveClaim(one.machine, tool, one.process) end
    declaring.undeclare(one.process)
  end
  declaring.forgetSilent()
  serveFreed()
  for tool in pairs(left) do wakeFor(tool) end
end)
`;

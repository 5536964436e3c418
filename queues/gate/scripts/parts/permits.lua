-- Permits are granted all or nothing and given back once. At the end of every call of the script, the counters match
-- what the permits hold.
--
-- A permit: { t: queue, m: machine, p: process, n: needs, b: budgets, u: upstream, s: since, j: job,
-- w: what the job takes in place of what its tool says, a: call-milliseconds of the tool at its start, o: offered, x:
-- probe }
-- A process may hand a permit on from call to call. Then since and job are those of the last call it reported.
--- @include "decide"
--- @constant MOST_BESIDE
--- @constant OFFER_MS
--- @constant SERVICE_WINDOW

-- Whether anybody learns from calls.
local learns = redis.call('HEXISTS', G, 'learns') == 1

-- Lines and machines to which something was given back.
local freedLines, freedMachines = {}, {}

-- Offers for a tool. Each will take a job of its queue.
local function countOffer(tool, by) run('o:' .. tool, by) end

-- Milliseconds that calls of a tool took up to now, including those underway. Its growth over a period, divided by the
-- period, is the mean number of calls underway. Stored as the sum of ends minus the sum of starts, so nothing has to be
-- updated as time passes.
local sumsOfMs = {}
local function callMs(base, underway, by)
  local was = sumsOfMs[base] or tonumber(redis.call('HGET', G .. '.call-ms', base) or '0')
  sumsOfMs[base] = was + by
  owe(G .. '.call-ms', base, was, was + by)
  return was + by + underway * now
end

-- Mean number of calls of a tool underway in a period, from their milliseconds before and after it. Falls back to the
-- number at the end when the sums make no sense: Redis' clock may have been set, or the permit may be older than the
-- sums.
local function besideOf(sinceMs, before, after, running)
  local mean = before and now > sinceMs and (after - before) / (now - sinceMs)
  if mean and mean >= 1 and mean <= MOST_BESIDE then return mean end
  return math.max(1, running)
end

-- Permit ids never repeat, even when Redis has lost its state: the holder of an old permit will still give it back.
local fence
local function nextId()
  fence = math.max((fence or tonumber(redis.call('HGET', G, 'fence') or '0')) + 1, now * 1000)
  owe(G, 'fence', nil, fence)
  return digits(fence)
end

local services = {}
-- Mean duration of a tool's calls in milliseconds, and how many calls it covers.
local function serviceOf(base)
  local found = services[base]
  if not found then
    local mean, count = string.match(redis.call('HGET', G .. '.service', base) or '0 0', '^(%S+) (%d+)')
    found = { mean = tonumber(mean), count = tonumber(count) }
    services[base] = found
  end
  return found
end

-- Counts a call as a turn of its tenant wherever other tenants wait too.
local function countTurns(take, machine, head)
  local tenant = head.priority and tenantOf(head.priority) or -1
  if tenant < 0 or next(met) == nil then return end
  for _, one in ipairs(take.b) do if met[one[1]] then countTurn(one[1], tenant) end end
  if met['m:' .. machine.name] then countTurn('m:' .. machine.name, tenant) end
end

-- 'underwayMs': how long the call has been underway already. Its windows counted it when it went out.
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
    -- Counted even where no slots are declared: some may be declared while it is held.
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
    redis.call('ZADD', G .. '.offers', digits(now + OFFER_MS), id)
    redis.call('HSET', G .. '.offered:' .. process, tool, id)
  end
  redis.call('HSET', G .. '.permits', id, cjson.encode(permit))
  redis.call('SADD', G .. '.held:' .. process, id)
  if machine.drain and machine.drain.tool == tool then
    machine.drain = nil
    redis.call('HDEL', G .. '.drains', machine.name)
    -- What was kept for it may leave room for others.
    freedMachines[machine.name] = true
  end
  return id, permit
end

local function permitOf(id)
  local text = redis.call('HGET', G .. '.permits', id)
  return text and cjson.decode(text)
end

-- Adds a call that went well to its tool's mean duration. Milliseconds.
local function serve(base, ms)
  local service = serviceOf(base)
  service.count = service.count + 1
  service.mean = service.mean + (ms - service.mean) / math.min(service.count, SERVICE_WINDOW)
  owe(G .. '.service', base, nil, string.format('%.3f %d', service.mean, service.count))
end

-- Records a call for those who learn from calls. `beside`: mean number of calls underway, itself included. own: its
-- machine was full.
local function sample(queue, ms, beside, class, own)
  samples.key = G .. '.samples'
  samples[#samples + 1] = cjson.encode({ baseOf(queue), ms, beside, headOf(queue) and 1 or 0, class, now, own and 1 or 0 })
end

-- Whether a service is closed or in its ramp. Its answers then say nothing about how much it carries.
local function isTried(base, upstream) return troubleOf('u:' .. upstream) or troubleOf('b:' .. base) end

-- Takes a permit back. call: { class, retryAfterMs, actual: { budget: units }, unused, ms: how long it took, if the
-- permit was handed on to it } or nil.
local function giveBack(id, permit, call)
  call = call or { class = 'none' }
  local base = baseOf(permit.t)
  -- Redis' clock may have been set back meanwhile.
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
    add(G .. '.outcomes', base .. '\n' .. call.class, 1)
  end
  learnTrouble(base, permit.u, permit.m, {
    class = call.class, retryAfterMs = call.retryAfterMs, probe = permit.x, since = now - ms, underway = underway
  })
end

-- Whether an offer still fits: a capacity may have shrunk meanwhile.
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
-- Forgets a machine without processes, and its claims.
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

-- Takes back offers nobody came for, and the permits of processes whose lease has ended. Returns the tools that the
-- dead processes called, and the dead processes.
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

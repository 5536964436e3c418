-- Who waits, and who is next. A claim stands for a tool that was refused on a machine, with the processes that wait
-- there. When something is given back, the gate goes through the claims it may help, in fair order, and makes offers to
-- those that fit. So nobody races for what is free.
--
-- A claim: { p: processes, s: since, k: label of its reason, a: since when that reason applies, l: lines it stands in,
-- u: when the reasons that pass with time have passed }
--- @include "permits"
--- @include "alone"
--- @constant BIG_SHARE
--- @constant DRAIN_MS
--- @constant STARVED_MS

-- Lanes whose claims stand in lines are stored separately, in 'lined'. There may be thousands of them, and room on a
-- machine does not help them.
local claims, whole = {}, {}
local function kindOf(tool, claim) return isLane(tool) and claim.l and #claim.l > 0 and 'lined' or 'claims' end

local function cacheOf(machine)
  local found = claims[machine]
  if not found then
    found = {}
    claims[machine] = found
  end
  return found
end

-- The claim of a tool on a machine, or false.
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

-- The claims on a machine; with 'all', also those of lanes that stand in lines.
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

-- Counts the time in which a queue was not served under the reason that kept it. Lanes of a tool add up.
local function account(tool, claim, label)
  if claim.k and claim.a and now > claim.a then
    redis.call('HINCRBY', G .. '.blocked', baseOf(tool) .. '\n' .. claim.k, now - claim.a)
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
    redis.call('SREM', G .. '.line:' .. line, machine .. '\n' .. tool)
    if first[line] and first[line].tool == tool then first[line] = nil end
    freedLines[line] = true
  end
end

dropClaims = function(machine)
  for tool in pairs(claimsOf(machine, true)) do dropClaim(machine, tool) end
end

-- Whether slots that become free are kept for this claim. That happens when only slots of several budgets keep it and
-- it has waited long, because those slots may never be free at the same time. Keeping pauses now and then, because one
-- of the slots may be held for hours.
local function keepsFree(claim, limits, take, reasons)
  local waited = now - claim.s - math.max(STARVED_MS, 3 * (limits.serviceMs or 0))
  if #take.b < 2 or waited < 0 or waited % (2 * DRAIN_MS) >= DRAIN_MS then return false end
  for _, reason in ipairs(reasons) do if reason.kind ~= 'slots' and reason.kind ~= 'behind' then return false end end
  return true
end

-- Puts a claim that only lines keep into those lines. Nobody behind it may take a budget first, or a costly job would
-- wait forever beside cheap ones.
local function lineUp(machine, tool, claim, limits, take, reasons, rank)
  local member, lines, stands = machine .. '\n' .. tool, {}, {}
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

-- Keeps a machine for a big job that has waited too long beside small ones.
local function drainFor(machine, tool, claim, limits, take, reasons)
  if machine.drain or now - claim.s < math.max(STARVED_MS, 3 * (limits.serviceMs or 0)) then return end
  local largest = 0
  for _, amount in pairs(take.n) do largest = math.max(largest, amount) end
  if largest <= BIG_SHARE * 1000000 then return end
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
  machine.drain = { tool = tool, n = take.n, at = now, ms = DRAIN_MS }
  redis.call('HSET', G .. '.drains', machine.name, cjson.encode(machine.drain))
end

-- When the reasons that pass with time will have passed; 0 if there are none.
local function untilOf(reasons)
  local at = 0
  for _, reason in ipairs(reasons) do at = math.max(at, reason.untilMs or 0) end
  return at
end

-- Wakes a claim's process when its time has come nearer. It does not watch the clocks of others.
local function wakeEarlier(tool, claim, reasons)
  local at = untilOf(reasons)
  if at > 0 and claim.u and at < claim.u - 2 and claim.p[1] then tell('wake:' .. claim.p[1], tool) end
  claim.u = at
end

-- Jobs of a queue without an offer.
local function unclaimed(tool)
  local queue = P .. ':' .. tool .. ':'
  local jobs = redis.call('LLEN', queue .. 'wait') + redis.call('ZCARD', queue .. 'prioritized')
  return math.max(1, jobs) - runningOf('o:' .. tool)
end

-- A call that has just ended: { tool, machine, process }. Its own tool may take the place again if it is its turn; then
-- 'granted' and 'take' are set.
local own

-- How many claims of other tools stand in each line that was gone through.
local others = {}

-- The lines of everything that a call of a tool holds, if nobody else waits for any of it and nothing keeps the tool;
-- otherwise false.
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

-- Makes offers that fit a claim, one for each waiting process. Returns the reasons that keep the rest.
local function serveClaim(machineName, tool, claim)
  local limits, machine = toolOf(tool), machineOf(machineName)
  while true do
    local head = headOf(tool)
    if not head or not limits then
      -- There is nothing to run: processes that wait for room go back to waiting for jobs.
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
        -- The claim now counts from here, for the next process that waits.
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
    -- In the same place, the one that has waited longer goes first.
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

-- Goes through a line, over all machines, until it keeps a claim.
local walked = {}
local function serveLine(name)
  if walked[name] then return end
  walked[name] = true
  first[name] = nil
  others[name] = 0
  local line, counted = {}, false
  for _, member in ipairs(redis.call('SMEMBERS', G .. '.line:' .. name)) do
    local machine, tool = string.match(member, '^(.*)\n(.*)$')
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

-- Goes through the claims of a machine, and the call that has just ended there.
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

-- Hands what was given back to those who wait for it, and then whatever they leave over.
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

-- BullMQ wakes nobody for a job that is added while as many run as the queue's own limit allows, so some jobs may have
-- no process asking for them. A process that takes the marker asks, and puts the marker back when it is refused. A
-- delayed job has its own marker, and may not be due yet by the workers' clock.
local function wakeFor(tool)
  local head = headOf(tool)
  if head and not head.due then redis.call('ZADD', P .. ':' .. tool .. ':marker', 0, '0') end
end

-- Looks at every claim, because a tool or an upstream is out of trouble or limits have changed.
local function serveAll()
  settled = {}
  for _, machine in ipairs(redis.call('SMEMBERS', G .. '.machines')) do serveMachine(machine, true) end
end

import { DECIDE } from "./decide.ts";
import { DECLARED } from "./declared.ts";
import { LEVEL } from "./level.ts";
import { LINE } from "./line.ts";
import { ORDER } from "./order.ts";
import { PERMITS } from "./permits.ts";
import { STATE } from "./state.ts";
import { TROUBLES } from "./troubles.ts";
import { VIEWS } from "./views.ts";
import { WINDOWS } from "./windows.ts";
import { YIELD } from "./yield.ts";

/**
 * The gate: one script, many operations in a call. KEYS[1] = the gate's hash, for the cluster to find its
 * node. ARGV as in STATE. Returns JSON: one answer per operation.
 */
export const GATE_SCRIPT = `
${STATE}${ORDER}${WINDOWS}${TROUBLES}${DECIDE}${PERMITS}${LINE}${YIELD}
local operations = {}
-- What follows from who is alive: see DECLARED.
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

-- tool, machine, process -> granted, permit, what its job says, guard ms | refused, wait ms, reason | free, job
-- | open | paused | empty, ms until the next delayed job is due | unknown
function operations.acquire(a)
  local tool, name, process = a[2], a[3], a[4]
  -- What is given to a process without a lease nobody would ever take back.
  if not isAlive(process) then return { 'unknown' } end
  declaring.comesBack(process)
  local queue = P .. ':' .. tool .. ':'
  local head = redis.call('HEXISTS', queue .. 'meta', 'paused') == 0 and headOf(tool)
  if not head then
    leaveClaim(name, tool, process)
    dropOffer(process, tool)
    if head == false and redis.call('HEXISTS', queue .. 'meta', 'paused') == 1 then return { 'paused' } end
    local due = redis.call('ZRANGE', queue .. 'delayed', 0, 0, 'WITHSCORES')
    -- For how long, not until when: the clock of who asks may be another.
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
    -- A short window may have left the offer behind, and be full of others by now.
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
  -- Whoever looks at the queue next finds the sign that it holds jobs.
  redis.call('ZADD', queue .. 'marker', 0, '0')
  return { 'refused', math.max(0, claim.u - now), claim.k }
end

-- permit, call, next: { tool, machine, process } or false -> granted, permit, what its job says | done | gone.
-- The end of a call; its place may go to the next job of the same tool.
function operations.swap(a)
  local id, call = a[2], a[3]
  local permit = permitOf(id)
  if not permit then return { 'gone' } end
  giveBack(id, permit, call)
  if a[4] and isAlive(a[4].process) then declaring.comesBack(a[4].process) end
  if a[4] and isAlive(a[4].process) and redis.call('HEXISTS', P .. ':' .. a[4].tool .. ':meta', 'paused') == 0 then own = a[4] end
  serveFreed()
  local granted = own and own.granted
  -- Whose place went to somebody else does not stand in line yet.
  if not granted then wakeFor(permit.t) end
  local answer = granted and { 'granted', granted, own.take or false, own.guard } or { 'done' }
  own = nil
  return answer
end

-- queue, number -> so many of its next jobs at most were put in fair order; 0: they stand in it. For a tool that asks for
-- no permits, whose worker takes one job after another.
function operations.arrange(a)
  local count = 0
  while count < a[3] do
    local head = headOf(a[2])
    if not head or not head.pick then break end
    pick(a[2], head)
    count = count + 1
  end
  return count
end

-- permit, what the job says -> granted, permit | refused. The job that was fetched takes something else
-- than the one that was expected.
function operations.amend(a)
  local id, saying = a[2], a[3] or nil
  local permit = permitOf(id)
  if not permit then return { 'refused' } end
  giveBack(id, permit, { class = 'none', unused = true })
  local limits, machine, head = toolOf(permit.t), machineOf(permit.m), { job = permit.j, take = saying or nil }
  if limits then
    local take = takeOf(limits, head.take)
    if #decide(permit.t, limits, take, machine) == 0 then
      return { 'granted', (grant(permit.t, limits, take, machine, permit.p, head, false)), saying or false, guardOfTake(take) }
    end
  end
  return { 'refused' }
end

-- permit, job -> 0 | ms to wait. The call goes out now: it has its place in the windows from now on.
function operations.stamp(a)
  local permit = permitOf(a[2])
  if not permit then return 0 end
  local at = movePlaces(a[2], permit)
  return at > now and at - now or 0
end

-- tool, machine, call: { class, retryAfterMs, underway }. What the end of a call without a permit says.
function operations.report(a)
  local tool, call = baseOf(a[2]), a[4]
  local limits = toolOf(tool)
  redis.call('HINCRBY', G .. '.outcomes', tool .. '\\n' .. call.class, call.count or 1)
  learnTrouble(tool, limits and limits.upstream or tool, a[3], {
    class = call.class, retryAfterMs = call.retryAfterMs, since = now,
    underway = (call.underway or 1) * math.max(1, redis.call('ZCARD', G .. '.processes'))
  })
  return 0
end

local function takesNothing(limits)
  return next(limits.needs or {}) == nil and next(limits.budgets or {}) == nil and not limits.cap and not limits.external
end

-- What the optimizer made of a budget goes no further than what is declared lets it.
local function boundTuned(tuned, declared)
  if not tuned or not declared or not tuned.slots or declared.maxSlots == 'fit' then return tuned end
  local bound = declared.slots and (declared.maxSlots or declared.slots)
  local bounded = {}
  for field, value in pairs(tuned) do bounded[field] = value end
  bounded.slots = bound and math.min(bound, tuned.slots)
  return bounded
end

-- Puts a layer of somebody's say over what others said.
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

-- machine, process, lease ms, capacity: { resource: millionths }. A process comes to work.
function operations.register(a)
  local name, process = a[2], a[3]
  redis.call('SADD', G .. '.machines', name)
  redis.call('ZADD', G .. '.processes', digits(now + a[4]), process)
  redis.call('HSET', G .. '.process-info', process, name)
  for r, amount in pairs(a[5]) do redis.call('HSET', G .. '.machine:' .. name, 'c:' .. r, amount) end
  machines[name] = nil
  serveMachine(name)
  return 0
end

-- process, machine, lease ms -> 1, or 0 when its permits were taken back meanwhile; those it has, without offers.
function operations.renew(a)
  local known, offers, held = isAlive(a[2]), {}, {}
  for _, id in ipairs(redis.call('HVALS', G .. '.offered:' .. a[2])) do offers[id] = true end
  for _, id in ipairs(redis.call('SMEMBERS', G .. '.held:' .. a[2])) do
    if not offers[id] then held[#held + 1] = id end
  end
  redis.call('ZADD', G .. '.processes', digits(now + a[4]), a[2])
  redis.call('HSET', G .. '.process-info', a[2], a[3])
  redis.call('SADD', G .. '.machines', a[3])
  declaring.isHeard(a[2])
  return { known and 1 or 0, held }
end

-- tool, machine, process, what the job says, ms -> granted, permit | refused. A call that has been underway so
-- long, whose permit is gone: it is counted again, also when there is no room for it.
function operations.adopt(a)
  local limits, saying = toolOf(a[2]), a[5] or nil
  if not limits then return { 'refused' } end
  local take = takeOf(limits, saying)
  return { 'granted', (grant(a[2], limits, take, machineOf(a[3]), a[4], { take = saying }, false, a[6])), saying or false, guardOfTake(take) }
end

-- process, machine. A process goes, and takes nothing with it.
function operations.leave(a)
  for _, id in ipairs(redis.call('SMEMBERS', G .. '.held:' .. a[2])) do
    local permit = permitOf(id)
    if permit then
      giveBack(id, permit)
      wakeFor(permit.t)
    end
  end
  redis.call('DEL', G .. '.held:' .. a[2], G .. '.offered:' .. a[2])
  redis.call('ZREM', G .. '.processes', a[2])
  redis.call('HDEL', G .. '.process-info', a[2])
  for tool in pairs(claimsOf(a[3], true)) do leaveClaim(a[3], tool, a[2]) end
  forgetMachine(a[3])
  declaring.undeclare(a[2])
  return 0
end

-- process, machine, queue. A process serves a lane no more.
function operations.part(a)
  leaveClaim(a[3], a[4], a[2])
  dropOffer(a[2], a[4])
  return 0
end

-- Forgets rate windows of lanes that have passed, for nobody may ever ask for them again. Returns whether
-- there may be more.
function operations.fade()
  local passed = redis.call('ZRANGEBYSCORE', G .. '.lane-windows', '-inf', stamp, 'LIMIT', 0, 100)
  for _, member in ipairs(passed) do
    local name, durationMs = string.match(member, '^(.*)\\n(%d+)$')
    sumOf(name, tonumber(durationMs))
    redis.call('ZREM', G .. '.lane-windows', member)
  end
  return #passed == 100
end

-- Nobody learns any more: what was learned holds no more, and calls are not kept.
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
    machines[name] = nil
  end
  redis.call('HDEL', G, 'learns')
  redis.call('DEL', G .. '.samples')
  return changed
end

-- Whatever goes by limits goes by the new ones from now on.
local function limitsChanged(changed)
  -- Those who know by heart what takes nothing have to learn it anew.
  if changed then tell('troubles', '!limits') end
  tools, budgets, walked = {}, {}, {}
  for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do wakeFor(tool) end
  serveAll()
end
${DECLARED}
-- { tools: { id: { layer: patch } }, budgets: the same, machines: { name: { field: value } }, open, forget, level, levelBy }.
function operations.configure(a)
  local changed = a[2].forget and forgetLearned() or false
  for _, kind in ipairs({ 'tools', 'budgets' }) do
    for id, layers in pairs(a[2][kind] or {}) do
      for layer, patch in pairs(layers) do changed = setLayer(kind, id, layer, patch) or changed end
    end
  end
  for _, tool in ipairs(a[2].open or {}) do
    redis.call('DEL', G .. '.failures:' .. tool)
    for _, field in ipairs({ 'b:' .. tool, 'u:' .. ((toolOf(tool) or {}).upstream or tool) }) do
      if troubleOf(field) then setTrouble(field, false) end
    end
  end
  -- Those who know by heart what takes nothing have to learn it anew.
  if changed then tell('troubles', '!limits') end
  for tool in pairs(a[2].tools or {}) do wakeFor(tool) end
  if next(a[2].budgets or {}) ~= nil then
    for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do wakeFor(tool) end
  end
  for name, fields in pairs(a[2].machines or {}) do
    for field, value in pairs(fields) do redis.call('HSET', G .. '.machine:' .. name, field, digits(value)) end
    machines[name] = nil
  end
  tools, budgets, walked = {}, {}, {}
  if a[2].level then operations.fix({ 'fix', a[2].level, a[2].levelBy }) end
  serveAll()
  return 0
end

-- { queue, job } ... marks jobs that will not call their tool: they wait for nothing, also not behind
-- others. Marks of jobs that were removed before they came here are forgotten.
function operations.pass(a)
  redis.call('ZREMRANGEBYSCORE', G .. '.free', '-inf', stamp)
  for i = 2, #a do markFree(a[i][1], a[i][2]) end
  return 0
end

-- job ... Their marks have served, or are of no use any more.
function operations.passed(a)
  return redis.call('ZREM', G .. '.free', unpack(a, 2))
end
${VIEWS}${LEVEL}
local left, dead = sweep()
for _, one in ipairs(dead) do
  for tool in pairs(claimsOf(one.machine, true)) do leaveClaim(one.machine, tool, one.process) end
  declaring.undeclare(one.process)
end
declaring.forgetSilent()
serveFreed()
for tool in pairs(left) do wakeFor(tool) end
local answers = {}
for index, a in ipairs(cjson.decode(ARGV[2])) do
  answers[index] = operations[a[1]](a)
  serveFreed()
  if #settled > 0 then serveAll() end
end
return cjson.encode(answers)
`;

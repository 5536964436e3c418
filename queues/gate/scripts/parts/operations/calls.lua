-- Permits: requested, given back, changed.
--- @include "../operations"

-- tool, machine, process -> granted, permit, what its job says, guard ms | refused, wait ms, reason | free, job
-- | open | paused | empty, ms until the next delayed job is due | unknown
function operations.acquire(op)
  local tool, name, process = op.tool, op.machine, op.process
  -- Nobody would ever take back what a process without a lease holds.
  if not isAlive(process) then return { 'unknown' } end
  declaring.comesBack(process)
  local queue = P .. ':' .. tool .. ':'
  local head = redis.call('HEXISTS', queue .. 'meta', 'paused') == 0 and headOf(tool)
  if not head then
    leaveClaim(name, tool, process)
    dropOffer(process, tool)
    if head == false and redis.call('HEXISTS', queue .. 'meta', 'paused') == 1 then return { 'paused' } end
    local due = redis.call('ZRANGE', queue .. 'delayed', 0, 0, 'WITHSCORES')
    -- A duration, not a point in time: the caller's clock may differ.
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
    -- A short window may have left the offer behind and be full of others by now.
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
  -- The next process that looks at the queue must find its marker.
  redis.call('ZADD', queue .. 'marker', 0, '0')
  return { 'refused', math.max(0, claim.u - now), claim.k }
end

-- Puts up to 'most' of the next jobs of a queue in fair order. Returns how many it moved; 0 if they already are in
-- order.
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

-- How many more calls may have this permit; -1: any number, because jobs are in fair order by themselves.
local function handOns(asks)
  -- Where tenants meet, each call is a turn.
  if not own.alone or own.meets then return 0 end
  local count = own.picked and arrangeAlone(asks.tool, asks.arrange or 0) or -1
  if count ~= 0 then noteAlone(asks.machine, asks.tool, own.tenant, count < 0 and 'any' or 'arranged', own.alone) end
  return count
end

-- permit, call, next: { tool, machine, process, arrange: jobs to put in order at most } -> granted, permit, what its
-- job says, guard ms, how many more calls its process may hand it on to, as nobody else waits for what it holds (-1:
-- any number) | done | gone
-- Ends a call. Its place may go to the next job of the same tool.
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
  -- The place went to somebody else, and this tool does not stand in line yet.
  if not granted then wakeFor(permit.t) end
  local answer = granted and { 'granted', granted, own.take or false, own.guard, handOns(asks) } or { 'done' }
  own = nil
  return answer
end

-- queue, machine, times: { ms, 1 if its machine was full } of each call, before: the last answer -> now, and the
-- call-milliseconds of the tool until now
-- Records calls that went well and whose permits were handed on.
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
  add(G .. '.outcomes', base .. '\nok', #times)
  learnTrouble(base, upstream, op.machine, { class = 'ok', since = now - times[#times][1], underway = underway })
  return { now, sum }
end

-- permit, job, ms -> 0. The permit was handed on to this job's call that long ago, and the call holds it for longer
-- than usual.
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

-- queue, number -> how many of its next jobs were put in fair order; 0: they already are. For a tool without permits
-- whose worker takes one job after another.
function operations.arrange(op) return arrange(op.queue, op.count) end

-- permit, what the job says -> granted, permit | refused. The job that was fetched takes something else than the
-- expected one.
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

-- permit -> 0 | ms to wait. The call goes out now and takes its place in the windows from this moment.
function operations.stamp(op)
  local permit = permitOf(op.permit)
  if not permit then return 0 end
  local at = movePlaces(op.permit, permit)
  return at > now and at - now or 0
end

-- tool, machine, call: { class, retryAfterMs, underway }. The end of a call without a permit.
function operations.report(op)
  local tool, call = baseOf(op.tool), op.call
  local limits = toolOf(tool)
  add(G .. '.outcomes', tool .. '\n' .. call.class, call.count or 1)
  learnTrouble(tool, limits and limits.upstream or tool, op.machine, {
    class = call.class, retryAfterMs = call.retryAfterMs, since = now,
    underway = (call.underway or 1) * math.max(1, redis.call('ZCARD', G .. '.processes'))
  })
  return 0
end

-- Processes that come, stay and leave.
--- @include "../operations"

-- machine, process, lease ms, capacity: { resource: millionths }. A process starts work.
function operations.register(op)
  local name, process = op.machine, op.process
  redis.call('SADD', G .. '.machines', name)
  redis.call('ZADD', G .. '.processes', digits(now + op.leaseMs), process)
  redis.call('HSET', G .. '.process-info', process, name)
  for r, amount in pairs(op.capacity) do redis.call('HSET', G .. '.machine:' .. name, 'c:' .. r, amount) end
  readAgain(name)
  serveMachine(name)
  return 0
end

-- process, machine, lease ms -> 1, or 0 if its permits were taken back meanwhile; its permits, without offers.
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

-- tool, machine, process, what the job says, ms -> granted, permit | refused. Counts a call again that has been
-- underway for that long and whose permit is gone, even if there is no room for it.
function operations.adopt(op)
  local limits, saying = toolOf(op.tool), op.take
  if not limits then return { 'refused' } end
  local take = takeOf(limits, saying)
  return { 'granted', (grant(op.tool, limits, take, machineOf(op.machine), op.process, { take = saying }, false, op.underwayMs)), saying or false, guardOfTake(take) }
end

-- process, machine. A process leaves and gives everything back.
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

-- process, machine, queue. A process stops serving a lane.
function operations.leaveLane(op)
  leaveClaim(op.machine, op.queue, op.process)
  dropOffer(op.process, op.queue)
  return 0
end

-- Forgets rate windows of lanes that have passed, since nobody may ever ask for them again. Returns whether there may
-- be more.
function operations.dropLaneWindows()
  local passed = redis.call('ZRANGEBYSCORE', G .. '.lane-windows', '-inf', stamp, 'LIMIT', 0, 100)
  for _, member in ipairs(passed) do
    local name, durationMs = string.match(member, '^(.*)\n(%d+)$')
    sumOf(name, tonumber(durationMs))
    redis.call('ZREM', G .. '.lane-windows', member)
  end
  return #passed == 100
end

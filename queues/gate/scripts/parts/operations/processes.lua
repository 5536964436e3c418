-- Those who come, stay and go.
--- @include "../operations"

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
    local name, durationMs = string.match(member, '^(.*)\n(%d+)$')
    sumOf(name, tonumber(durationMs))
    redis.call('ZREM', G .. '.lane-windows', member)
  end
  return #passed == 100
end

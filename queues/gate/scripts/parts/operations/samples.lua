-- Counters for learning and sampling.
--- @include "../operations"

local function waitingIn(queue)
  local key = P .. ':' .. queue .. ':'
  return redis.call('LLEN', key .. 'wait') + redis.call('ZCARD', key .. 'prioritized')
end

-- machine. How long each tool has held permits there, in total. Milliseconds.
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

-- What happened since the last call, to learn from.
function operations.observe()
  redis.call('HSET', G, 'learns', 1)
  local seen = { now = now, calls = redis.call('LRANGE', G .. '.samples', 0, -1), usage = hash(G .. '.usage'), running = hash(G .. '.running') }
  redis.call('DEL', G .. '.samples')
  return seen
end

-- Queues and machines at this moment, and the runs admitted since the last call. Lanes count for their tool. Blocked
-- time includes the refusals that go on right now.
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
        local field = baseOf(queue) .. '\n' .. claim.k
        seen.blocked[field] = (seen.blocked[field] or 0) + math.max(0, now - claim.a)
      end
    end
  end
  return seen
end

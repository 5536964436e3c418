/** What people ask of the gate; nothing here changes anything. Comes behind the operations. */
export const VIEWS = `
local function hash(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

-- machines | permits | claims | budgets | troubles: what stands there, as JSON texts by name.
function operations.show()
  local shown = {
    now = now, machines = {}, claims = {}, windows = {},
    level = tonumber(redis.call('HGET', G, 'level') or '0'),
    processes = hash(G .. '.process-info'), permits = hash(G .. '.permits'), tools = hash(G .. '.tools'),
    budgets = hash(G .. '.budgets'), used = hash(G .. '.used'), troubles = hash(G .. '.trouble'),
    drains = hash(G .. '.drains'), service = hash(G .. '.service'), running = hash(G .. '.running'),
    blocked = hash(G .. '.blocked'), outcomes = hash(G .. '.outcomes')
  }
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    shown.machines[name] = hash(G .. '.machine:' .. name)
    shown.claims[name] = hash(G .. '.claims:' .. name)
  end
  return shown
end

-- What has happened since the last call, for who learns from it: ended calls, and for how long each tool
-- has held permits on each machine, in all. Milliseconds.
function operations.observe()
  redis.call('HSET', G, 'learns', 1)
  local seen = { now = now, calls = redis.call('LRANGE', G .. '.samples', 0, -1), busy = {}, usage = hash(G .. '.usage'), waiting = {} }
  redis.call('DEL', G .. '.samples')
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    local busy = {}
    for tool, ms in pairs(hash(G .. '.busy:' .. name)) do busy[tool] = tonumber(ms) end
    seen.busy[name] = busy
  end
  for tool, text in pairs(hash(G .. '.tools')) do
    if cjson.decode(text).external then
      local queue = P .. ':' .. tool .. ':'
      seen.waiting[tool] = redis.call('LLEN', queue .. 'wait') + redis.call('ZCARD', queue .. 'prioritized')
    end
  end
  for _, text in ipairs(redis.call('HVALS', G .. '.permits')) do
    local permit = cjson.decode(text)
    local busy = seen.busy[permit.m]
    if busy and not permit.o then busy[permit.t] = (busy[permit.t] or 0) + now - permit.s end
  end
  return seen
end

-- tool, job or '' -> what keeps the next job of the tool, on each machine that is there, decided as for a
-- worker that asks; where the job stands in its queue.
function operations.explain(a)
  local tool, job = a[2], a[3]
  local queue = P .. ':' .. tool .. ':'
  local head, limits = headOf(tool), toolOf(tool)
  local waiting = redis.call('LLEN', queue .. 'wait')
  local answer = {
    now = now, paused = redis.call('HEXISTS', queue .. 'meta', 'paused') == 1, head = head and head.job,
    waiting = waiting + redis.call('ZCARD', queue .. 'prioritized'), active = redis.call('LLEN', queue .. 'active'),
    running = runningOf(tool), machines = {}, known = limits and true or false,
    service = redis.call('HGET', G .. '.service', tool)
  }
  if job ~= '' then
    -- The list is taken from its end.
    local at = redis.call('LPOS', queue .. 'wait', job)
    local ahead = at and waiting - 1 - at
    if not ahead then
      local rank = redis.call('ZRANK', queue .. 'prioritized', job)
      ahead = rank and waiting + rank
    end
    answer.ahead = ahead
    answer.free = redis.call('ZSCORE', G .. '.free', job) ~= false
  end
  local asked = job ~= '' and redis.call('HGET', queue .. job, 'data') or nil
  local own = head and head.take
  if asked and string.find(asked, '"take":', 1, true) then own = cjson.decode(asked).take end
  if limits then
    local take, rank = takeOf(limits, own), head and rankOf(head)
    answer.take = take
    answer.budgets, answer.used = {}, {}
    for _, one in ipairs(take.b) do
      for _, member in ipairs(redis.call('SMEMBERS', G .. '.line:' .. one[1])) do
        local machine, other = string.match(member, '^(.*)\\n(.*)$')
        local ahead = headOf(other)
        if ahead and other ~= tool and rank and goesBefore(rankOf(ahead), rank) then
          local front = first[one[1]]
          if not front or goesBefore(rankOf(ahead), front.rank) then first[one[1]] = { tool = other, rank = rankOf(ahead) } end
        end
      end
    end
    for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
      answer.machines[name] = decide(tool, limits, take, machineOf(name), rank)
    end
  end
  return answer
end
`;

-- Why a job waits. Asking changes nothing.
--- @include "../operations"

-- The ranks of the first jobs of a queue, in order. Ends with 'job' if it is among them. 'turn' is how many calls of
-- the tenant come before, where several tenants wait.
local LOOKED_AT = 50
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

-- Jobs of a queue that come before one with this score: all earlier ones of its tenant, and as many of each other
-- tenant.
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

-- Turns matter only between several tenants.
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

-- The other tools in line, with the ranks of their jobs.
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

-- When the windows of the budgets have let through this many calls of a tool and the calls of others before them.
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
        -- Units that do not fit this window go out as many windows later as they would fill. Calls are not split, so a
        -- window is rarely filled to the brim.
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

-- tool, job or '' -> what keeps the next job of the tool on each machine, decided as for a worker that asks; the job's
-- place in its queue, or until when it stands aside.
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
    -- BullMQ takes from the end of the list.
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
        local _, other = string.match(member, '^(.*)\n(.*)$')
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

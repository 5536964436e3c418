-- The fair order: tenants take turns; within a tenant the more urgent job goes first.
--
-- The turn is decided when a call starts, so calls count as they come, whatever they belong to. At each place where
-- tenants meet (the jobs of a queue, the line for a budget, a machine), every tenant has a virtual time that advances
-- with each of its calls (start-time fair queueing, Goyal 1996). The smallest goes first. A new tenant starts at the
-- time of the call that started last. So at most two calls of each other tenant go before a waiting one. All calls
-- count alike, however long they take: a guess about their length would break this bound. Nothing is counted while a
-- tenant is alone.
--- @include "state"
--- @include "handed-on"
--- @constant AGE_MS
--- @constant ARRANGED
--- @constant MAX_LAG
--- @constant OFFER_MS
--- @constant PICKED
--- @constant TENANTS_COMPARED
--- @constant TURNS_KEPT_MS

local PICKS_PER_MS = 16

-- Virtual times of tenants at a place: { v, [tenant] }.
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

-- Reads many tenants at once.
local function readStarts(place, tenants)
  local at = turns[place] or {}
  turns[place] = at
  local found = redis.call('HMGET', G .. '.turns:' .. place, 'v', unpack(tenants))
  at.v = at.v or tonumber(found[1] or '0')
  for i, tenant in ipairs(tenants) do at[tenant] = at[tenant] or tonumber(found[i + 1] or '-1') end
end

-- Counts a call of a tenant that starts where other tenants wait.
local function countTurn(place, tenant)
  local start = startOf(place, tenant)
  local at, key = turns[place], G .. '.turns:' .. place
  at.v, at[tenant] = start, start + 1
  redis.call('HSET', key, 'v', digits(start), tenant, digits(start + 1))
  redis.call('PEXPIRE', key, TURNS_KEPT_MS)
end

-- Whether one head goes before another at a place.
local function goesBefore(a, b, place)
  if a.tenant ~= b.tenant then
    -- Jobs of no tenant go first.
    if a.tenant < 0 or b.tenant < 0 then return a.tenant < b.tenant end
    met[place] = true
    local one, hadOne = startOf(place, a.tenant)
    local other, hadOther = startOf(place, b.tenant)
    if one ~= other then return one < other end
    if hadOne ~= hadOther then return hadOne < hadOther end
    -- Neither has had a turn: the tenant that joined the deployment last goes first.
    return a.tenant > b.tenant
  end
  if a.order ~= b.order then return a.order < b.order end
  return a.at < b.at
end

-- The last turn that a run can have, for tenants whose ring of turns has wrapped around; false for the others.
local newest = {}
local function newestOf(tenant)
  if newest[tenant] == nil then
    local last = math.floor(tonumber(redis.call('HGET', P .. '.fair', 'c:' .. tenant) or '0')) + MAX_LAG
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

-- Questions change nothing.
local asking = false

-- The first job of a queue whose score is in a range: { job, priority, count }.
local function firstIn(key, from, to)
  local found = redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES', 'LIMIT', 0, 1)
  if not found[1] then return nil end
  local score = tonumber(found[2])
  return { job = found[1], priority = math.floor(score / PRIORITY), count = score % PRIORITY }
end
local function from(priority) return digits(priority * PRIORITY) end
local function below(priority) return '(' .. digits(priority * PRIORITY) end

-- Raises jobs that have waited long by a class. A job's waiting time follows from its number in the queue and from
-- marks, which record the highest number at certain times. Runs four times per AGE_MS. Returns whether any job was
-- raised.
local function age(queue, key)
  local marks = G .. '.marks:' .. queue
  local last = redis.call('ZRANGE', marks, -1, -1, 'WITHSCORES')
  local lastAt = tonumber(last[2] or '0')
  if asking or (lastAt <= now and now - lastAt < AGE_MS / 4) then return end
  if lastAt > now then redis.call('DEL', marks) end
  redis.call('ZADD', marks, stamp, stamp .. ' ' .. (redis.call('GET', P .. ':' .. queue .. ':pc') or '0'))
  redis.call('ZREMRANGEBYSCORE', marks, '-inf', '(' .. digits(now - 12 * AGE_MS))
  redis.call('PEXPIRE', marks, 12 * AGE_MS)
  local reached = {}
  for spans = 1, 11 do
    local found = redis.call('ZREVRANGEBYSCORE', marks, digits(now - spans * AGE_MS), '-inf', 'LIMIT', 0, 1)[1]
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

-- The most urgent job of a tenant in a queue, the oldest run first. 'first': the tenant's job with the smallest score.
local function urgentOf(key, first)
  local last = newestOf(tenantOf(first.priority))
  local turn = (first.priority - FIRST) % PER_LEVEL
  if not last or turn > last then return first end
  local level = first.priority - turn
  return firstIn(key, from(level + last + 1), below(level + PER_LEVEL)) or first
end

-- Adds the first job of each tenant in a queue to 'found', beginning at 'priority', up to the limit.
local function tenantsBehind(key, priority, found)
  while #found < TENANTS_COMPARED do
    local first = firstIn(key, from(priority), '+inf')
    if not first then return end
    local tenant = tenantOf(first.priority)
    if found[1] and found[1].tenant == tenant then return end
    first.tenant = tenant
    found[#found + 1] = first
    priority = FIRST + (tenant + 1) * PER_TENANT
  end
end

-- The tenants that wait in a queue, as { job, priority, tenant }; nil if there is only one. At most 64 at a time; the
-- next call gets others. 'front': the first of the jobs that were put in order, which all belong to one tenant.
local function rivalsIn(queue, key, first, front)
  if not meetsOther(key, tenantOf((front or first).priority), not front) then return nil end
  local found, place = {}, G .. '.turns:q:' .. queue
  local begin = tonumber(redis.call('HGET', place, 'from') or '0')
  if begin > 0 then tenantsBehind(key, begin, found) end
  tenantsBehind(key, FIRST, found)
  if #found >= TENANTS_COMPARED and not asking then
    redis.call('HSET', place, 'from', digits(FIRST + (found[#found].tenant + 1) * PER_TENANT))
  end
  if front then
    front.tenant = tenantOf(front.priority)
    for i = #found, 1, -1 do if found[i].tenant == front.tenant then table.remove(found, i) end end
    found[#found + 1] = front
  end
  return found
end

-- Jobs that were put in front come in the order in which they were put there.
local picks = 0
local function putInFront(key, job, priority)
  picks = picks + 1
  redis.call('ZADD', key, 'XX', digits(priority * PRIORITY + (now * PICKS_PER_MS + picks) % PRIORITY), job)
end

-- The rank of a job whose place in the queue does not show it.
local function ownRank(queue, job) return tonumber(redis.call('HGET', P .. ':' .. queue .. ':' .. job, 'priority') or '0') end

-- The job of a queue that comes next, among those with a rank. 'pick': it must be put in front to be fetched.
local function nextIn(queue)
  local key = P .. ':' .. queue .. ':prioritized'
  local first = firstIn(key, '-inf', '+inf')
  if not first then return nil end
  local promised
  if first.priority == PICKED then
    -- Whoever got the permit comes for the job soon. If not, the next call gets it.
    local picksSince = (now * PICKS_PER_MS - first.count) % PRIORITY
    -- When many are picked in one call, the last ones count as picked a little later.
    if picksSince > PICKS_PER_MS * OFFER_MS and picksSince < PRIORITY / 2 then
      first.pick, first.own = true, true
      return first
    end
    promised = first
    first = firstIn(key, from(ARRANGED), '+inf')
    if not first then
      promised.own = true
      return promised
    end
  end
  local front
  if first.priority == ARRANGED then
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

-- Puts the next jobs of a queue, which all belong to one tenant, in order until 'most' are. Returns how many are in
-- order.
local function arrangeAlone(queue, most)
  local key = P .. ':' .. queue .. ':prioritized'
  local arranged = redis.call('ZCOUNT', key, from(ARRANGED), below(ARRANGED + 1))
  while arranged < most do
    local first = firstIn(key, from(FIRST), '+inf')
    local urgent = first and urgentOf(key, first)
    if not urgent or urgent.job == first.job then break end
    arranged = arranged + 1
    putInFront(key, urgent.job, ARRANGED)
  end
  return arranged
end

-- The job of a tool's queue that would be fetched next; false if there is none.
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

-- A call starts with this job: puts it in front of its queue, where the fetch finds it.
local function pick(tool, head)
  if head.place then countTurn(head.place, tenantOf(head.priority)) end
  if not head.pick then return end
  putInFront(P .. ':' .. tool .. ':prioritized', head.job, PICKED)
  heads[tool] = nil
end

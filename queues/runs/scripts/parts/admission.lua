-- Admission: which runs of a tenant are at work, and in which order the others follow. The more urgent class goes
-- first; a run that has waited for AGE_MS counts as the class above. Inside a class the tenant's workflows share. A run
-- is tagged with the virtual time at which it would be done if all were served side by side (self-clocked fair
-- queueing, Golestani 1994), so that a flood of one workflow does not hold up another.
--- @include "../../../connection/scripts/parts/clock"
--- @include "runs"
--- @include "tended"
--- @include "../../../gate/scripts/parts/ranks"
--- @constant ADDING_MS
--- @constant AGE_MS
--- @constant PAYLOAD_VERSION
--- @constant RUNS_APART
--- @constant TENANTS

-- Whoever admits a run adds its jobs. If they are missing after ADDING_MS, somebody else adds them.
local function awaitJobs(prefix, runId, now)
  redis.call('ZADD', prefix .. '.adding', digits(now + ADDING_MS), runId)
end

-- The number of a tenant, as its jobs carry it. If more than TENANTS came since the deployment was last idle, some
-- share one.
local function numberOf(prefix, tenant)
  local fair = prefix .. '.fair'
  local number = redis.call('HGET', fair, 's:' .. tenant)
  if not number then
    number = (redis.call('HINCRBY', fair, 'tenants', 1) - 1) % TENANTS
    redis.call('HSET', fair, 's:' .. tenant, number)
  end
  return tonumber(number)
end

-- The rank of a run that begins while this many of its tenant are at work: behind earlier runs of its class and target.
-- With more than RUNS_APART at work, some that follow each other share a turn, or the ring of turns would wrap all the
-- time.
local function rankFor(prefix, tenant, priority, target, atWork)
  local number = numberOf(prefix, tenant)
  local share = math.max(1, math.ceil(atWork / RUNS_APART))
  local fair, field = prefix .. '.fair', 'c:' .. number
  local turns = redis.call('HINCRBYFLOAT', fair, field, string.format('%.9f', 1 / share))
  local turn = (math.floor(tonumber(turns)) + lagOf(target)) % PER_LEVEL
  return digits(FIRST + number * PER_TENANT + (11 - priority) * PER_LEVEL + turn)
end

-- Adds the jobs of a run that has waited and returns whether it could. Set only in scripts that include
-- from-template.lua.
local addJobsOf

-- Lets a run begin and starts its clock. Returns whether its jobs are there; if not, they may be added now.
local function admit(prefix, runId, now)
  local key = prefix .. '.run:' .. runId
  local facts = redis.call('HMGET', key, 'timeoutMs', 'tenant', 'parent', 'def', 'priority', 'target', 'flow', 'epoch')
  -- 'added' tells workers with payloads of version 2 that the jobs are there; otherwise they would add their own.
  redis.call('HSET', key, 'admittedAt', digits(now), 'payloads', PAYLOAD_VERSION, 'added', '2')
  redis.call('ZADD', prefix .. '.open', digits(now + tonumber(facts[1])), runId)
  tend(prefix, runId, AT_WORK, now)
  -- For sampling: how much work of each kind has begun.
  if facts[4] then redis.call('HINCRBY', prefix .. '.admissions', facts[4], 1) end
  -- A sub-run counts as part of its parent and has its rank.
  if facts[3] then
    awaitJobs(prefix, runId, now)
    return false
  end
  local atWork = prefix .. '.admitted:' .. facts[2]
  redis.call('SADD', atWork, runId)
  local rank = rankFor(prefix, facts[2], tonumber(facts[5] or '5'), facts[6] or nil, redis.call('SCARD', atWork))
  redis.call('HSET', key, 'rank', rank)
  if facts[7] then
    redis.call('HDEL', key, 'flow')
    -- A resumed run has other jobs.
    if facts[8] == '0' and addJobsOf and addJobsOf(prefix .. '.def:' .. facts[4], facts[7], runId, rank, now) then return true end
  end
  awaitJobs(prefix, runId, now)
  return false
end

local HUNDREDTHS, TAGS, TURNS = 100, 536870912, 1048576
local CLASS = TAGS * TURNS

-- A class that has not asked for long has no claim to what it did not use, so its finish time is forgotten.
local function forgetClasses(fair)
  if redis.call('HLEN', fair) < 5000 then return end
  local flat, found = redis.call('HGETALL', fair), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  for field, value in pairs(found) do
    local class = string.match(field, '^f:(.*) [^ ]*$')
    if class and tonumber(value) <= tonumber(found['v:' .. class] or '0') then redis.call('HDEL', fair, field) end
  end
end

-- Puts a run into its tenant's line: ordered by class, then tag, then arrival.
local function standInLine(prefix, runId, tenant, priority, tag, now)
  local turn = redis.call('HINCRBY', prefix .. '.fair', 'turns', 1) % TURNS
  local score = (10 - tonumber(priority)) * CLASS + math.floor(tag * HUNDREDTHS) % TAGS * TURNS + turn
  redis.call('ZADD', prefix .. '.waiting:' .. tenant, digits(score), runId)
  redis.call('SADD', prefix .. '.lines', tenant)
  redis.call('HSET', prefix .. '.run:' .. runId, 'awaits', digits(now))
end

-- A run that is ready waits in its class by its tag, behind earlier runs with the same tag.
local function await(prefix, runId, now)
  local key, fair = prefix .. '.run:' .. runId, prefix .. '.fair'
  local facts = redis.call('HMGET', key, 'tenant', 'priority', 'workflow', 'demand')
  local priority = facts[2] or '5'
  local class = facts[1] .. ' ' .. priority
  local flow = 'f:' .. class .. ' ' .. facts[3]
  local before = redis.call('HMGET', fair, 'v:' .. class, flow)
  -- However small, a run counts as a minimal step, so that runs of a class keep their order.
  local length = math.max(tonumber(facts[4] or '0'), 1 / HUNDREDTHS)
  local tag = math.max(tonumber(before[1] or '0'), tonumber(before[2] or '0')) + length
  redis.call('HSET', fair, flow, string.format('%.6f', tag))
  forgetClasses(fair)
  standInLine(prefix, runId, facts[1], priority, tag, now)
end

-- A run that gave up its place waits for one again: before runs of its class and workflow that have not begun, behind
-- those that came back earlier.
local function awaitAgain(prefix, runId, now)
  local facts = redis.call('HMGET', prefix .. '.run:' .. runId, 'tenant', 'priority')
  local priority = facts[2] or '5'
  local tag = tonumber(redis.call('HGET', prefix .. '.fair', 'v:' .. facts[1] .. ' ' .. priority) or '0')
  standInLine(prefix, runId, facts[1], priority, tag, now)
end

-- Gives the run its place back. Whoever admitted it calls the steps that stand aside for it.
local function comeBack(prefix, runId, tenant, now)
  local key = prefix .. '.run:' .. runId
  redis.call('HDEL', key, 'away')
  redis.call('HSET', key, 'returned', '1')
  redis.call('SADD', prefix .. '.admitted:' .. tenant, runId)
  awaitJobs(prefix, runId, now)
end

-- Takes the next run out of the line; false if nobody waits.
local function nextWaiting(prefix, tenant, now)
  local key = prefix .. '.waiting:' .. tenant
  local best
  local from = '-inf'
  while true do
    local found = redis.call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not found[1] then break end
    local score = tonumber(found[2])
    local class = math.floor(score / CLASS)
    local since = tonumber(redis.call('HGET', prefix .. '.run:' .. found[1], 'awaits') or '0')
    local risen = class - math.floor(math.max(0, now - since) / AGE_MS)
    if not best or risen < best.risen or (risen == best.risen and since < best.since) then
      best = { run = found[1], risen = risen, since = since, class = class, score = score }
    end
    from = digits((class + 1) * CLASS)
  end
  if not best then return false end
  redis.call('ZREM', key, best.run)
  local v = 'v:' .. tenant .. ' ' .. digits(10 - best.class)
  local tag = math.floor(best.score % CLASS / TURNS) / HUNDREDTHS
  if tag > tonumber(redis.call('HGET', prefix .. '.fair', v) or '0') then redis.call('HSET', prefix .. '.fair', v, tag) end
  return best.run
end

-- Admits as many waiting runs of a tenant as there is room for, at most 'most' if given. Returns those whose jobs may
-- be added now.
local function pump(prefix, tenant, cap, now, most)
  local admitted = {}
  local line = prefix .. '.waiting:' .. tenant
  if redis.call('EXISTS', line) == 0 then return admitted end
  local free = math.min(cap - redis.call('SCARD', prefix .. '.admitted:' .. tenant), most or math.huge)
  local begun = 0
  while begun < free do
    local found = nextWaiting(prefix, tenant, now)
    if not found then break end
    if redis.call('HEXISTS', prefix .. '.run:' .. found, 'away') == 1 then
      comeBack(prefix, found, tenant, now)
      admitted[#admitted + 1] = found
    elseif not admit(prefix, found, now) then
      admitted[#admitted + 1] = found
    end
    begun = begun + 1
  end
  if begun > 0 and redis.call('EXISTS', line) == 0 then redis.call('SREM', prefix .. '.lines', tenant) end
  return admitted
end

-- A step begins in a run that gave up its place, or in a sub-run of it. Returns whether the run has a place now; if
-- not, it waits for one.
local function takesPlaceAgain(key, root, now)
  local prefix = partsOf(key)
  local rootKey = prefix .. '.run:' .. root
  local facts = redis.call('HMGET', rootKey, 'away', 'awayCap', 'tenant')
  if facts[1] then
    local cap, line = tonumber(facts[2] or 'inf'), prefix .. '.waiting:' .. facts[3]
    if redis.call('EXISTS', line) == 0 and redis.call('SCARD', prefix .. '.admitted:' .. facts[3]) < cap then
      redis.call('HDEL', rootKey, 'away')
      redis.call('SADD', prefix .. '.admitted:' .. facts[3], root)
    else
      if not redis.call('ZSCORE', line, root) then awaitAgain(prefix, root, now) end
      -- There may be room that nobody has given away yet. The runs whose turn it then is are found in the index of runs
      -- without jobs.
      pump(prefix, facts[3], cap, now)
      if redis.call('HEXISTS', rootKey, 'away') == 1 then return false end
    end
  end
  redis.call('HDEL', key, 'away')
  return true
end

/** Jobs that whoever admitted a run has not added after this time are added by somebody else. Milliseconds. */
export const ADDING_MS = 3_000;

/** What several scripts begin with. All keys of a deployment share one hash tag, so a script may derive them. */
export const SHARED = `
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end
local ENDED = { completed = true, completed_with_unmet_criteria = true, partial = true, failed = true, cancelled = true, timed_out = true }
-- The prefix of the deployment and the run, out of the key of a record.
local function partsOf(key) return string.match(key, '^(.-)%.run:(.*)$') end
`;

/** Admission: which runs of a tenant are at work. Comes behind {@link SHARED}. */
export const ADMISSION = `
-- Whoever admits a run adds its jobs. When they are not there after this time, somebody else does. Milliseconds.
local ADDING_MS = ${ADDING_MS}
local function awaitJobs(prefix, runId, now)
  redis.call('ZADD', prefix .. '.adding', digits(now + ADDING_MS), runId)
end

-- Lets a run begin: its jobs may be added now, and its time counts from now.
local function admit(prefix, runId, now)
  local key = prefix .. '.run:' .. runId
  local facts = redis.call('HMGET', key, 'timeoutMs', 'tenant', 'parent', 'def')
  redis.call('HSET', key, 'admittedAt', digits(now))
  redis.call('ZADD', prefix .. '.open', digits(now + tonumber(facts[1])), runId)
  awaitJobs(prefix, runId, now)
  -- For who samples: how much work of each kind has begun.
  if facts[4] then redis.call('HINCRBY', prefix .. '.admissions', facts[4], 1) end
  -- A sub-run works for one that counts already.
  if not facts[3] then redis.call('SADD', prefix .. '.admitted:' .. facts[2], runId) end
end

-- Admits as many waiting runs of a tenant as there is room for, and names them.
local function pump(prefix, tenant, cap, now)
  local admitted = {}
  if redis.call('EXISTS', prefix .. '.waiting:' .. tenant) == 0 then return admitted end
  local free = cap - redis.call('SCARD', prefix .. '.admitted:' .. tenant)
  while free > 0 do
    local found = redis.call('ZPOPMIN', prefix .. '.waiting:' .. tenant)
    if not found[1] then break end
    admit(prefix, found[1], now)
    admitted[#admitted + 1] = found[1]
    free = free - 1
  end
  return admitted
end

local HUNDREDTHS, TURNS = 100, 67108864
-- A run that is ready waits by its fair tag; behind those with the same that came before it.
local function await(prefix, runId)
  local facts = redis.call('HMGET', prefix .. '.run:' .. runId, 'tenant', 'tag')
  local turn = redis.call('HINCRBY', prefix .. '.fair', 'turns', 1) % TURNS
  local score = math.floor(tonumber(facts[2] or '0') * HUNDREDTHS) * TURNS + turn
  redis.call('ZADD', prefix .. '.waiting:' .. facts[1], digits(score), runId)
end
`;

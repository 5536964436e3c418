-- Jobs that need not wait for their tool. They are marked and let through without a permit, before all others.
--- @include "line"
--- @constant PASS_MS
--- @constant YIELD_SCAN

-- Marks a job that will not call its tool. Marks of jobs that are gone expire.
local function markFree(tool, job)
  local queue = P .. ':' .. tool .. ':'
  redis.call('ZADD', G .. '.free', digits(now + PASS_MS), job)
  if redis.call('EXISTS', queue .. job) == 0 then return end
  redis.call('HSET', queue .. job, 'priority', 1)
  if not redis.call('ZSCORE', queue .. 'prioritized', job) then return end
  redis.call('ZADD', queue .. 'prioritized', PRIORITY, job)
  redis.call('ZADD', queue .. 'marker', 0, '0')
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    local claim = claimOf(name, tool)
    for _, process in ipairs(claim and claim.p or {}) do tell('wake:' .. process, tool) end
  end
end

-- Whether a job will be skipped because its step is optional and its tool rests. Only for jobs that have not called
-- yet, so that the job can be put back if the level has changed meanwhile.
local function isSpare(queue, job, data)
  if not string.find(data, '"spare":true', 1, true) then return false end
  local begun = redis.call('HMGET', queue .. job, 'atm', 'stc')
  return (begun[1] or '0') == '0' and (begun[2] or '0') == '0'
end

-- Lets jobs of a tool pass that these reasons need not keep. Returns the one that would be fetched next; nil if there
-- is none.
local function letPass(tool, reasons)
  local rests, away = false, false
  for _, reason in ipairs(reasons) do
    rests = rests or reason.kind == 'degraded'
    away = away or (reason.kind == 'breaker' and reason.state == 'open') or reason.kind == 'cool_down'
  end
  if not rests and not away then return nil end
  local queue, found = P .. ':' .. tool .. ':', nil
  local due = digits((now + 1) * 4096 - 1)
  for _, jobs in ipairs({
    redis.call('ZRANGE', queue .. 'prioritized', 0, YIELD_SCAN - 1),
    redis.call('ZRANGEBYSCORE', queue .. 'delayed', '-inf', due, 'LIMIT', 0, YIELD_SCAN)
  }) do
    for _, job in ipairs(jobs) do
      local data = redis.call('HGET', queue .. job, 'data') or ''
      if (rests and isSpare(queue, job, data)) or (away and string.find(data, '"falls":true', 1, true)) then
        markFree(tool, job)
        found = found or job
      end
    end
  end
  if not found then return nil end
  heads[tool] = nil
  local head = headOf(tool)
  return head and redis.call('ZSCORE', G .. '.free', head.job) and head.job or found
end

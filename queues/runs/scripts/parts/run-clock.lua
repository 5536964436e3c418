-- A run's clock stands still while nothing of it can go on.
--- @include "../../../connection/scripts/parts/clock"
--- @include "runs"
--- @include "tended"

-- Counts the run as at work again and restarts its clock.
local function resumeClock(key, now)
  local prefix, runId = partsOf(key)
  local facts = redis.call('HMGET', key, 'remainingMs', 'tenant', 'parent')
  if facts[1] then
    redis.call('ZADD', prefix .. '.open', digits(now + tonumber(facts[1])), runId)
    redis.call('HDEL', key, 'remainingMs')
  end
  if not facts[3] then redis.call('SADD', prefix .. '.admitted:' .. facts[2], runId) end
  tend(prefix, runId, AT_WORK, now)
  redis.call('HDEL', key, 'away')
end

-- Stops the run's clock and frees its place.
local function stopClock(key, now)
  local prefix, runId = partsOf(key)
  local tenant = redis.call('HGET', key, 'tenant')
  local deadline = tonumber(redis.call('ZSCORE', prefix .. '.open', runId) or 'inf')
  if deadline < math.huge then
    redis.call('HSET', key, 'remainingMs', digits(math.max(0, deadline - now)))
    redis.call('ZADD', prefix .. '.open', '+inf', runId)
  end
  redis.call('SREM', prefix .. '.admitted:' .. tenant, runId)
  redis.call('ZREM', prefix .. '.waiting:' .. tenant, runId)
  redis.call('HDEL', key, 'away')
  tend(prefix, runId, ASIDE, now)
  return tenant
end

-- Passes the permit of an ended call to the next job of its queue without asking the gate, which has allowed it: see
-- alone.lua.
--- @include "ranks"

-- Whether jobs of another tenant wait in a queue. 'isFirst': the tenant has the first job of those that were not put in
-- front.
local function meetsOther(key, tenant, isFirst)
  local function other(found) return found[2] and tenantOf(math.floor(tonumber(found[2]) / PRIORITY)) ~= tenant end
  local from = digits(FIRST * PRIORITY)
  if other(redis.call('ZREVRANGEBYSCORE', key, '+inf', from, 'WITHSCORES', 'LIMIT', 0, 1)) then return true end
  -- The numbers of tenants begin at 0.
  if isFirst or tenant == 0 then return false end
  return other(redis.call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1))
end

-- Whether jobs are in fair order, and nobody has begun to wait for what the permit holds on this machine since the gate
-- allowed it.
local function mayHandOn(prefix, queue, machine)
  local told = redis.call('HGET', prefix .. '.gate.alone', machine .. '\n' .. queue)
  if not told then return false end
  local keys = prefix .. ':' .. queue .. ':'
  if redis.call('HEXISTS', keys .. 'meta', 'paused') == 1 then return false end
  local tenant, order = string.match(told, '^([-%d]+) (%a+)')
  if order == 'arranged' then
    local first = redis.call('ZRANGE', keys .. 'prioritized', 0, 0, 'WITHSCORES')
    if first[2] and tonumber(first[2]) >= FIRST * PRIORITY then return false end
  end
  return not meetsOther(keys .. 'prioritized', tonumber(tenant))
end

-- What the gate's operations read: keys, the clock, limits, machines, the heads of queues. Each is read once in a call
-- of the script and then kept up to date in Lua beside Redis.
--
-- ARGV[1] = prefix of the deployment, ARGV[2] = JSON list of operations, ARGV[3] = the time for tests with a clock of
-- their own, otherwise 0. Milliseconds.
--- @include "../../../connection/scripts/parts/clock"
--- @include "owed"
--- @constant FLOOR_SHARE
--- @constant GUARD_MAX_MS
--- @constant GUARD_MIN_MS
--- @constant GUARD_SHARE
--- @constant MEMORY_FLOOR_SHARE

local P = ARGV[1]
local G = P .. '.gate'
local now = tonumber(ARGV[3])
if now == 0 then now = clock() end
local stamp = digits(now)

local tools, budgets, machines, heads, used, running, troubles = {}, {}, {}, {}, {}, {}, {}
-- The entries of alone.lua, once read.
local alone

-- Jobs wait in queues: that of their tool, or one of its lanes, 'tool@key'. Queues have heads, claims, lines and
-- offers. Everything else belongs to the tool behind them.
local function baseOf(queue) return string.match(queue, '^[^@]*') end
local function isLane(queue) return string.find(queue, '@', 1, true) ~= nil end

-- The limits of a queue's tool; in a lane, with the private budget of the lane. False if nobody declared any.
local function toolOf(queue)
  local found = tools[queue]
  if found == nil then
    local base = baseOf(queue)
    if base == queue then
      local text = redis.call('HGET', G .. '.tools', queue)
      found = text and cjson.decode(text) or false
      if found then
        -- A layer may mention the tool before anybody declares it.
        found.needs, found.budgets, found.upstream = found.needs or {}, found.budgets or {}, found.upstream or queue
      end
    else
      found = toolOf(base)
      if found and found.perKey then
        local lane = {}
        for field, value in pairs(found) do lane[field] = value end
        lane.budgets = { { 'lane:' .. queue, 1, found.perKey.cost } }
        for _, one in ipairs(found.budgets) do lane.budgets[#lane.budgets + 1] = one end
        found = lane
      end
    end
    tools[queue] = found
  end
  return found
end

local function budgetOf(name)
  local found = budgets[name]
  if found == nil then
    if string.sub(name, 1, 5) == 'lane:' then
      local limits = toolOf(baseOf(string.sub(name, 6)))
      found = limits and limits.perKey or false
    else
      local text = redis.call('HGET', G .. '.budgets', name)
      found = text and cjson.decode(text) or false
    end
    budgets[name] = found
  end
  return found
end

-- What a machine has and what its permits hold, in millionths. 'c:*' stands for every resource without a declared
-- capacity; below zero it is unbounded.
local function machineOf(name)
  local found = machines[name]
  if found == nil then
    found = { name = name }
    local flat = redis.call('HGETALL', G .. '.machine:' .. name)
    for i = 1, #flat, 2 do found[flat[i]] = tonumber(flat[i + 1]) end
    local drain = redis.call('HGET', G .. '.drains', name)
    if drain then found.drain = cjson.decode(drain) end
    machines[name] = found
  end
  return found
end

-- Changes how much of a machine its permits hold.
local function hold(machine, field, amount)
  local was = machine[field] or 0
  machine[field] = was + amount
  owe(G .. '.machine:' .. machine.name, field, was, was + amount, true)
end

-- The machine changed in Redis and must be read again.
local function readAgain(name)
  settle()
  machines[name] = nil
end

-- How much of a machine's resource calls may hold, given what its neighbors use.
local function roomOf(machine, r)
  local capacity = machine['c:' .. r] or machine['c:*'] or 1000000
  local share = r == 'memory' and MEMORY_FLOOR_SHARE or FLOOR_SHARE
  return math.max(capacity - (machine['b:' .. r] or 0), math.floor(capacity * share))
end

local function hash(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function usedOf(field)
  local found = used[field]
  if found == nil then
    found = tonumber(redis.call('HGET', G .. '.used', field) or '0')
    used[field] = found
  end
  return found
end

local function use(field, amount)
  local was = usedOf(field)
  used[field] = was + amount
  owe(G .. '.used', field, was, was + amount)
end

-- Number of calls underway: of a tool, or with `u:` of an upstream; with `o:` the offers for a tool.
local function runningOf(field)
  local found = running[field]
  if found == nil then
    found = tonumber(redis.call('HGET', G .. '.running', field) or '0')
    running[field] = found
  end
  return found
end

local function run(field, by)
  local was = runningOf(field)
  running[field] = math.max(0, was + by)
  owe(G .. '.running', field, was, running[field])
  return running[field]
end

-- Anybody who can reach Redis can add a job. A malformed one must not keep the others from being served.
local function isTake(say)
  if type(say) ~= 'table' or type(say.needs or {}) ~= 'table' or type(say.budgets or {}) ~= 'table' then return false end
  for _, amount in pairs(say.needs or {}) do
    if type(amount) ~= 'number' or amount < 0 or amount ~= math.floor(amount) then return false end
  end
  for _, one in ipairs(say.budgets or {}) do
    if type(one) ~= 'table' then return false end
    for i = 2, 3 do if type(one[i]) ~= 'number' or one[i] < 0 or one[i] ~= math.floor(one[i]) then return false end end
  end
  return true
end

-- Hardly any job takes something else than its tool says; only those are decoded.
local function sayingOf(text)
  if not string.find(text, '"take":', 1, true) then return nil end
  local read, data = pcall(cjson.decode, text)
  if read and type(data) == 'table' and isTake(data.take) then return data.take end
end

-- What a call takes: what its tool says, overridden by its job.
local function takeOf(limits, own)
  if not own then return { n = limits.needs, b = limits.budgets } end
  local take = { n = limits.needs, b = limits.budgets }
  if own.needs then
    take.n = {}
    for r, amount in pairs(limits.needs) do take.n[r] = amount end
    for r, amount in pairs(own.needs) do take.n[r] = amount end
  end
  if own.budgets then
    take.b = {}
    for _, budget in ipairs(limits.budgets) do
      local mine = budget
      for _, other in ipairs(own.budgets) do if other[1] == budget[1] then mine = other end end
      take.b[#take.b + 1] = mine
    end
  end
  return take
end

local function isAlive(process)
  local lease = redis.call('ZSCORE', G .. '.processes', process)
  return lease and tonumber(lease) > now
end

local function tell(channel, message) redis.call('PUBLISH', G .. '.' .. channel, message) end

-- Tells all processes something that may concern every call: afterwards no permit is handed on without the gate.
local function tellAll(message)
  redis.call('DEL', G .. '.alone')
  alone = nil
  tell('troubles', message)
end

-- How long after its grant a call may reach its service.
local function guardOf(durationMs)
  return math.max(GUARD_MIN_MS, math.min(GUARD_MAX_MS, math.ceil(durationMs * GUARD_SHARE)))
end

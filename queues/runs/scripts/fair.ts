import { DEFAULT_SERVICE_MS, MIN_SHARE, PRIORITIES_PER_S } from "../../gate/constants.ts";

/**
 * Fair order over workflows: weighted fair queueing by virtual finish times (Parekh and Gallager 1993;
 * the start of the run in service as the virtual time, as in start-time fair queueing, Goyal 1996).
 *
 * A run's demand D is the time for which it would fill the busiest resource of all machines: the sum over
 * its calls of service time x largest share, divided by the number of machines. Its class is its tenant,
 * workflow and priority, whose weight is the priority. start = max(V, finish of the class before it),
 * tag = finish = start + D / weight; V, the virtual time, is the start of the latest run that began.
 * Every job of a run carries its tag: later stages of old runs come before new runs. Virtual seconds.
 *
 * Comes behind SHARED.
 */
export const FAIR = `
local function demandOf(prefix, calls)
  local demand = 0
  for _, call in ipairs(calls) do
    local tool, count = call[1], call[2]
    local limits = redis.call('HGET', prefix .. '.gate.tools', tool)
    local service = redis.call('HGET', prefix .. '.gate.service', tool)
    local ms, share = tonumber(service and string.match(service, '^(%S+)') or ${DEFAULT_SERVICE_MS}), ${MIN_SHARE}
    limits = limits and cjson.decode(limits) or {}
    if not service and limits.serviceMs then ms = limits.serviceMs end
    for _, millionths in pairs(limits.needs or {}) do share = math.max(share, millionths / 1000000) end
    demand = demand + count * share * ms / 1000
  end
  return demand / math.max(1, redis.call('SCARD', prefix .. '.gate.machines'))
end

-- A class that has not asked for long has no claim to what it did not use: its finish is forgotten.
local function forgetClasses(fair, v)
  if redis.call('HLEN', fair) < 2000 then return end
  local flat = redis.call('HGETALL', fair)
  for i = 1, #flat, 2 do
    if string.sub(flat[i], 1, 2) == 'f:' and tonumber(flat[i + 1]) < v then redis.call('HDEL', fair, flat[i]) end
  end
end

-- Gives a run its tag. facts: tenant, workflow, priority, demand.
local function tagFor(prefix, facts)
  local fair = prefix .. '.fair'
  local class = 'f:' .. facts.tenant .. ' ' .. facts.workflow .. ' ' .. facts.priority
  local before = redis.call('HMGET', fair, 'v', class)
  local v = tonumber(before[1] or '0')
  -- However small, a run is a step: those of a class keep their order.
  local length = math.max(facts.demand / tonumber(facts.priority), ${1 / PRIORITIES_PER_S})
  local tag = string.format('%.6f', math.max(v, tonumber(before[2] or '0')) + length)
  redis.call('HSET', fair, class, tag)
  forgetClasses(fair, v)
  return tag
end

-- A run begins: the virtual time comes to where it starts.
local function advance(prefix, tag, demand, priority)
  local start = tonumber(tag) - math.max(tonumber(demand) / tonumber(priority), ${1 / PRIORITIES_PER_S})
  local fair = prefix .. '.fair'
  if start > tonumber(redis.call('HGET', fair, 'v') or '0') then redis.call('HSET', fair, 'v', string.format('%.6f', start)) end
end
`;

-- A run's demand: how long it would fill the busiest resource of all machines. The sum over its calls of service time x
-- largest share, divided by the number of machines. Virtual seconds.
--- @constant DEFAULT_SERVICE_MS
--- @constant MIN_SHARE

local function demandOf(prefix, calls)
  local demand = 0
  for _, call in ipairs(calls) do
    local tool, count = call[1], call[2]
    local limits = redis.call('HGET', prefix .. '.gate.tools', tool)
    local service = redis.call('HGET', prefix .. '.gate.service', tool)
    local ms, share = tonumber(service and string.match(service, '^(%S+)') or DEFAULT_SERVICE_MS), MIN_SHARE
    limits = limits and cjson.decode(limits) or {}
    if not service and limits.serviceMs then ms = limits.serviceMs end
    for _, millionths in pairs(limits.needs or {}) do share = math.max(share, millionths / 1000000) end
    demand = demand + count * share * ms / 1000
  end
  return demand / math.max(1, redis.call('SCARD', prefix .. '.gate.machines'))
end

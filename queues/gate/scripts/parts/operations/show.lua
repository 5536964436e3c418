-- The state of the gate.
--- @include "../operations"

-- The whole state as JSON texts by name. Sums of windows exclude places that the windows have left behind.
function operations.show()
  for name, text in pairs(hash(G .. '.budgets')) do
    for _, window in ipairs(cjson.decode(text).rates or {}) do sumOf(name, window[2]) end
  end
  local shown = {
    now = now, machines = {}, claims = {}, active = {}, leases = {},
    level = tonumber(redis.call('HGET', G, 'level') or '0'),
    processes = hash(G .. '.process-info'), permits = hash(G .. '.permits'), tools = hash(G .. '.tools'),
    budgets = hash(G .. '.budgets'), used = hash(G .. '.used'), troubles = hash(G .. '.trouble'),
    drains = hash(G .. '.drains'), service = hash(G .. '.service'), running = hash(G .. '.running'),
    blocked = hash(G .. '.blocked'), outcomes = hash(G .. '.outcomes'),
    toolLayers = hash(G .. '.layers:tools'), budgetLayers = hash(G .. '.layers:budgets')
  }
  local leases = redis.call('ZRANGE', G .. '.processes', 0, -1, 'WITHSCORES')
  for i = 1, #leases, 2 do shown.leases[leases[i]] = leases[i + 1] end
  -- A permit names the job that was next when it was granted; another job may have been taken with it.
  for _, text in pairs(shown.permits) do
    local tool = cjson.decode(text).t
    shown.active[tool] = shown.active[tool] or redis.call('LRANGE', P .. ':' .. tool .. ':active', 0, -1)
  end
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    shown.machines[name] = hash(G .. '.machine:' .. name)
    shown.claims[name] = hash(G .. '.claims:' .. name)
    for lane, claim in pairs(hash(G .. '.lined:' .. name)) do shown.claims[name][lane] = claim end
  end
  return shown
end

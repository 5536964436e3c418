-- Limits, capacities and the level, as somebody says.
--- @include "layers"
--- @include "level"

-- { tools: { id: { layer: patch } }, budgets: the same, machines: { name: { field: value } }, open, forget, level, levelBy }.
function operations.configure(a)
  local changed = a[2].forget and forgetLearned() or false
  for _, kind in ipairs({ 'tools', 'budgets' }) do
    for id, layers in pairs(a[2][kind] or {}) do
      for layer, patch in pairs(layers) do changed = setLayer(kind, id, layer, patch) or changed end
    end
  end
  for _, tool in ipairs(a[2].open or {}) do
    redis.call('DEL', G .. '.failures:' .. tool)
    for _, field in ipairs({ 'b:' .. tool, 'u:' .. ((toolOf(tool) or {}).upstream or tool) }) do
      if troubleOf(field) then setTrouble(field, false) end
    end
  end
  -- Those who know by heart what takes nothing have to learn it anew.
  if changed then tell('troubles', '!limits') end
  for tool in pairs(a[2].tools or {}) do wakeFor(tool) end
  if next(a[2].budgets or {}) ~= nil then
    for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do wakeFor(tool) end
  end
  for name, fields in pairs(a[2].machines or {}) do
    for field, value in pairs(fields) do redis.call('HSET', G .. '.machine:' .. name, field, digits(value)) end
    machines[name] = nil
  end
  tools, budgets, walked = {}, {}, {}
  if a[2].level then operations.fix({ 'fix', a[2].level, a[2].levelBy }) end
  serveAll()
  return 0
end

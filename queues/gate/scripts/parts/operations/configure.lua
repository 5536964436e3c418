-- Changes to limits, capacities and the level.
--- @include "layers"
--- @include "level"

-- { tools: { id: { layer: patch } }, budgets: the same, machines: { name: { field: value } }, open, forget, level,
-- levelBy }.
function operations.configure(op)
  local changes = op.changes
  local changed = changes.forget and forgetLearned() or false
  for _, kind in ipairs({ 'tools', 'budgets' }) do
    for id, layers in pairs(changes[kind] or {}) do
      for layer, patch in pairs(layers) do changed = setLayer(kind, id, layer, patch) or changed end
    end
  end
  for _, tool in ipairs(changes.open or {}) do
    redis.call('DEL', G .. '.failures:' .. tool)
    for _, field in ipairs({ 'b:' .. tool, 'u:' .. ((toolOf(tool) or {}).upstream or tool) }) do
      if troubleOf(field) then setTrouble(field, false) end
    end
  end
  -- Processes remember which tools take nothing and must read that again.
  if changed then tellAll('!limits') end
  for tool in pairs(changes.tools or {}) do wakeFor(tool) end
  if next(changes.budgets or {}) ~= nil then
    for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do wakeFor(tool) end
  end
  for name, fields in pairs(changes.machines or {}) do
    for field, value in pairs(fields) do redis.call('HSET', G .. '.machine:' .. name, field, digits(value)) end
    readAgain(name)
  end
  tools, budgets, walked = {}, {}, {}
  if changes.level then operations.fix({ level = changes.level, by = changes.levelBy }) end
  serveAll()
  return 0
end

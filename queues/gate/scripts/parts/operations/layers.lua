-- Layers of a tool or a budget: declared, learned, tuned and set, one over the other.
--- @include "../operations"

local function takesNothing(limits)
  return next(limits.needs or {}) == nil and next(limits.budgets or {}) == nil and not limits.cap and not limits.external
end

-- Limits what the optimizer tuned to what the declaration allows.
local function boundTuned(tuned, declared)
  if not tuned or not declared or not tuned.slots or declared.maxSlots == 'fit' then return tuned end
  local bound = declared.slots and (declared.maxSlots or declared.slots)
  local bounded = {}
  for field, value in pairs(tuned) do bounded[field] = value end
  bounded.slots = bound and math.min(bound, tuned.slots)
  return bounded
end

-- Sets or removes one layer and combines all of them again.
local LAYERS = { 'declared', 'learned', 'tuned', 'set' }
local function setLayer(kind, id, layer, patch)
  local key = G .. '.layers:' .. kind
  if patch then redis.call('HSET', key, layer .. ':' .. id, cjson.encode(patch)) else redis.call('HDEL', key, layer .. ':' .. id) end
  local whole, any, says = {}, false, {}
  for _, name in ipairs(LAYERS) do
    local text = redis.call('HGET', key, name .. ':' .. id)
    says[name] = text and cjson.decode(text)
  end
  if kind == 'budgets' then says.tuned = boundTuned(says.tuned, says.declared) end
  for _, name in ipairs(LAYERS) do
    for field, value in pairs(says[name] or {}) do
      any = true
      whole[field] = value
    end
  end
  local before = redis.call('HGET', G .. '.' .. kind, id)
  if any then redis.call('HSET', G .. '.' .. kind, id, cjson.encode(whole)) else redis.call('HDEL', G .. '.' .. kind, id) end
  if kind ~= 'tools' then return false end
  local old = before and cjson.decode(before) or {}
  return not before or takesNothing(old) ~= takesNothing(whole) or old.importance ~= whole.importance or old.upstream ~= whole.upstream
end

-- Learning has ended: discards what was learned, and stops keeping calls.
local function forgetLearned()
  local changed = false
  for _, field in ipairs(redis.call('HKEYS', G .. '.layers:tools')) do
    local tool = string.match(field, '^learned:(.*)$')
    if tool then changed = setLayer('tools', tool, 'learned', false) or changed end
  end
  for _, name in ipairs(redis.call('SMEMBERS', G .. '.machines')) do
    for _, field in ipairs(redis.call('HKEYS', G .. '.machine:' .. name)) do
      if string.sub(field, 1, 2) == 'b:' then redis.call('HDEL', G .. '.machine:' .. name, field) end
    end
    readAgain(name)
  end
  redis.call('HDEL', G, 'learns')
  redis.call('DEL', G .. '.samples')
  return changed
end

-- Applies new limits to everything that depends on them.
local function limitsChanged(changed)
  -- Processes remember which tools take nothing and must read that again.
  if changed then tellAll('!limits') end
  tools, budgets, walked = {}, {}, {}
  for _, tool in ipairs(redis.call('HKEYS', G .. '.tools')) do wakeFor(tool) end
  serveAll()
end

-- The effective limits of several declarations of the same thing. Only those of the newest version count; of these,
-- word by word, the one that lets the fewest calls through. No side effects. docs/catalogue.md has the table.
--- @constant BREAKER_FAILURES
--- @constant BREAKER_OPEN_MS
--- @constant BREAKER_PROBES

local newestCatalogues, strictestBudget, strictestTool, fitTakes
do
local function numbersOf(version)
  local numbers = {}
  for number in string.gmatch(version, '%d+') do numbers[#numbers + 1] = tonumber(number) end
  return numbers
end

-- Below 0: a is older than b. A missing version is the oldest.
local function compareVersions(a, b)
  if not a or not b then return (a and 1 or 0) - (b and 1 or 0) end
  local one, other = numbersOf(a), numbersOf(b)
  for i = 1, math.max(#one, #other) do
    local difference = (one[i] or 0) - (other[i] or 0)
    if difference ~= 0 then return difference end
  end
  return 0
end

newestCatalogues = function(all)
  local newest = {}
  for _, one in ipairs(all) do
    local order = newest[1] and compareVersions(one.v, newest[1].v) or 0
    if order > 0 then newest = {} end
    if order >= 0 then newest[#newest + 1] = one end
  end
  return newest
end

local function least(a, b)
  if not a or not b then return a or b end
  return math.min(a, b)
end
local function most(a, b)
  if not a or not b then return a or b end
  return math.max(a, b)
end

-- Budgets, false for none: the fewest slots, and every window; of windows of one length the one with the fewest units.
-- The optimizer may raise slots as far as every budget with slots allows.
strictestBudget = function(all)
  local found, windows, durations, bound = {}, {}, {}, 'fit'
  for _, budget in ipairs(all) do
    if budget then
      if budget.slots then
        found.slots = least(found.slots, budget.slots)
        if not budget.maxSlots then bound = nil end
        if bound == 'fit' then
          bound = budget.maxSlots
        elseif bound and budget.maxSlots ~= 'fit' then
          bound = math.min(bound, budget.maxSlots)
        end
      end
      for _, window in ipairs(budget.rates or {}) do
        if not windows[window[2]] then durations[#durations + 1] = window[2] end
        windows[window[2]] = least(windows[window[2]], window[1])
      end
    end
  end
  if found.slots then found.maxSlots = bound end
  table.sort(durations)
  for i, duration in ipairs(durations) do
    found.rates = found.rates or {}
    found.rates[i] = { windows[duration], duration }
  end
  return next(found) ~= nil and found or false
end

-- The private budget of the tool first.
local function strictestTakes(id, all)
  local takes, names, own = {}, {}, 'tool:' .. id
  for _, limits in ipairs(all) do
    for _, one in ipairs(limits.budgets or {}) do
      if not takes[one[1]] then
        takes[one[1]] = { one[1], 0, 0 }
        names[#names + 1] = one[1]
      end
      local take = takes[one[1]]
      take[2], take[3] = math.max(take[2], one[2]), math.max(take[3], one[3])
    end
  end
  table.sort(names, function(a, b)
    if (a == own) ~= (b == own) then return a == own end
    return a < b
  end)
  local list = {}
  for i, name in ipairs(names) do list[i] = takes[name] end
  return list
end

local function strictestBreaker(all)
  local found
  for _, limits in ipairs(all) do found = found or limits.breaker end
  if not found then return nil end
  found = {}
  for _, limits in ipairs(all) do
    local own = limits.breaker or {}
    found.failures = least(found.failures, own.failures or BREAKER_FAILURES)
    found.openMs = most(found.openMs, own.openMs or BREAKER_OPEN_MS)
    found.probes = least(found.probes, own.probes or BREAKER_PROBES)
  end
  return found
end

local function strictestPerKey(all)
  local lists, cost = {}, nil
  for _, limits in ipairs(all) do
    if limits.perKey then
      lists[#lists + 1] = limits.perKey
      cost = most(cost, limits.perKey.cost)
    end
  end
  local found = strictestBudget(lists)
  if not found then return nil end
  for _, window in ipairs(found.rates or {}) do cost = math.min(cost, window[1]) end
  found.cost = cost
  return found
end

strictestTool = function(id, all)
  local found = { needs = {}, budgets = strictestTakes(id, all), breaker = strictestBreaker(all), perKey = strictestPerKey(all) }
  for _, limits in ipairs(all) do
    for r, units in pairs(limits.needs or {}) do found.needs[r] = most(found.needs[r], units) end
    -- No upstream is stricter than another: takes the first by name.
    if not found.upstream or (limits.upstream and limits.upstream < found.upstream) then found.upstream = limits.upstream end
    found.importance = most(found.importance, limits.importance)
    found.serviceMs = most(found.serviceMs, limits.serviceMs)
    found.cap = least(found.cap, limits.cap)
    found.external = found.external or limits.external
  end
  return found
end

-- A call takes no more of a budget than there is, or it would wait forever.
fitTakes = function(limits, budgets)
  for _, take in ipairs(limits.budgets) do
    local budget = budgets[take[1]]
    if budget then
      take[2] = least(take[2], budget.slots)
      for _, window in ipairs(budget.rates or {}) do take[3] = math.min(take[3], window[1]) end
    end
  end
end
end

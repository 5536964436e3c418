-- The only decision of the gate: what keeps a call of a tool from starting on a machine. Without a reason it may start.
-- Requests for a permit and questions why something waits both get their answer here.
--
-- Reasons: degraded, breaker, cool_down, ramp, knee, exceeds, slots, rate, behind, resource, drain. Those that pass
-- with time carry `untilMs`. Those that pass when something is given back carry the `line` to wait in.
--- @include "order"
--- @include "windows"
--- @include "troubles"

-- The first in the line for a budget: { tool, rank }.
local first = {}

local function fits(machine, take, tool, no)
  -- On an otherwise empty machine everything may run, or an overestimated call would never start.
  local alone = (machine.n or 0) == 0
  if machine['c:*'] and machine['c:*'] < 0 then return end
  local drain = machine.drain
  if drain and (drain.tool == tool or now > drain.at + drain.ms) then drain = nil end
  if alone and not drain then return end
  for r, amount in pairs(take.n) do
    if amount > 0 then
      local capacity = roomOf(machine, r)
      local held = machine['u:' .. r] or 0
      if not alone and held + amount > capacity then
        no({ kind = 'resource', resource = r, machine = machine.name, need = amount, free = math.max(0, capacity - held) })
      elseif drain and held + amount + (drain.n[r] or 0) > capacity then
        no({ kind = 'drain', resource = r, machine = machine.name, tool = drain.tool })
      end
    end
  end
end

local function decide(tool, limits, take, machine, rank)
  local reasons = {}
  local function no(reason) reasons[#reasons + 1] = reason end
  local base = baseOf(tool)
  troubled(base, limits, no)
  if limits.cap and runningOf(base) >= limits.cap then no({ kind = 'knee', limit = limits.cap, line = 'k:' .. base }) end
  for _, one in ipairs(take.b) do
    local name, slots, units = one[1], one[2], one[3]
    local budget = budgetOf(name)
    if budget then
      if budget.slots and slots > budget.slots then
        no({ kind = 'exceeds', budget = name, need = slots, capacity = budget.slots })
      elseif budget.slots and usedOf(name) + slots > budget.slots then
        no({ kind = 'slots', budget = name, line = name, need = slots, free = math.max(0, budget.slots - usedOf(name)), capacity = budget.slots })
      end
      for _, window in ipairs(units > 0 and budget.rates or {}) do
        if units > window[1] then
          no({ kind = 'exceeds', budget = name, need = units, capacity = window[1], durationMs = window[2] })
        else
          local at = roomAt(name, window[1], window[2], units)
          if at > now then no({ kind = 'rate', budget = name, line = name, untilMs = at, capacity = window[1], durationMs = window[2] }) end
        end
      end
      local other = first[name]
      if other and other.tool ~= tool and rank and goesBefore(other.rank, rank, name) then
        no({ kind = 'behind', budget = name, line = name, tool = other.tool })
      end
    end
  end
  fits(machine, take, tool, no)
  return reasons
end

-- The reason to count time under: the one that is hardest to remedy comes first.
local WEIGHT = { degraded = 1, breaker = 2, cool_down = 3, ramp = 4, knee = 5, exceeds = 6, rate = 7, slots = 8, behind = 9, resource = 10, drain = 11 }
local function labelOf(reasons)
  local main = reasons[1]
  for _, reason in ipairs(reasons) do if WEIGHT[reason.kind] < WEIGHT[main.kind] then main = reason end end
  -- Lanes come and go, so they are counted together under their tool.
  local of = main.resource or (main.budget and baseOf(main.budget)) or main.upstream
  return of and main.kind .. ':' .. of or main.kind
end

-- The operations of the gate, one function each. The files in operations/ add them.
--- @include "yield"

local operations = {}
-- What follows from which processes are alive: see operations/declared.lua.
local declaring = {}

local function leaveClaim(machine, tool, process)
  local claim = claimOf(machine, tool)
  if not claim then return end
  for i = #claim.p, 1, -1 do if claim.p[i] == process then table.remove(claim.p, i) end end
  if #claim.p == 0 then dropClaim(machine, tool) else saveClaim(machine, tool, claim) end
end

local function dropOffer(process, tool)
  local id = redis.call('HGET', G .. '.offered:' .. process, tool)
  local permit = id and permitOf(id)
  if permit then giveBack(id, permit, { class = 'none', unused = true }) end
end

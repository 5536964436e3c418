-- The gate: one script, many operations in a call.
--
-- KEYS: the gate's hash, so that a cluster finds its node. ARGV as in parts/state.lua. Operations are { op, ... } as in
-- gate-operations.ts; an absent field is nil.
-- Returns JSON: one answer per operation.
--- @include "parts/operations/calls"
--- @include "parts/operations/processes"
--- @include "parts/operations/declared"
--- @include "parts/operations/configure"
--- @include "parts/operations/passing"
--- @include "parts/operations/show"
--- @include "parts/operations/samples"
--- @include "parts/operations/explain"
--- @include "parts/operations/level"
--- @include "parts/answer"

return answer(function()
  local left, dead = sweep()
  for _, one in ipairs(dead) do
    for tool in pairs(claimsOf(one.machine, true)) do leaveClaim(one.machine, tool, one.process) end
    declaring.undeclare(one.process)
  end
  declaring.forgetSilent()
  serveFreed()
  for tool in pairs(left) do wakeFor(tool) end
end)

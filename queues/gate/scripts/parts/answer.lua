-- What is asked is done, one after another, and all of it is answered.
--- @include "operations"

-- Those that read and change single numbers only; before all others what is owed is written.
local SPARING = { acquire = true, swap = true, amend = true, stamp = true, report = true, arrange = true }

local function answer(first)
  local answers = {}
  local done, failure = pcall(function()
    first()
    for index, op in ipairs(cjson.decode(ARGV[2])) do
      if not SPARING[op.op] then settle() end
      answers[index] = operations[op.op](op)
      serveFreed()
      if #settled > 0 then serveAll() end
    end
  end)
  -- Also what came before a mistake: permits and counters always say the same.
  settle()
  if not done then error(failure) end
  return cjson.encode(answers)
end

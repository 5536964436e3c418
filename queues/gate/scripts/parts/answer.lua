-- What is asked is done, one after another, and all of it is answered.
--- @include "operations"
--- @constant OF_CALLS

local ofCalls = OF_CALLS

local function answer(first)
  local answers = {}
  local done, failure = pcall(function()
    first()
    for index, op in ipairs(cjson.decode(ARGV[2])) do
      -- Others read more than single numbers.
      if not ofCalls[op.op] then settle() end
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

-- Runs the operations one after another and answers all of them.
--- @include "operations"
--- @constant OF_CALLS

local ofCalls = OF_CALLS

local function answer(first)
  local answers = {}
  local done, failure = pcall(function()
    first()
    for index, op in ipairs(cjson.decode(ARGV[2])) do
      -- Other operations read more than single numbers.
      if not ofCalls[op.op] then settle() end
      answers[index] = operations[op.op](op)
      serveFreed()
      if #settled > 0 then serveAll() end
    end
  end)
  -- Also after an error, for what was done before it: permits and counters must always agree.
  settle()
  if not done then error(failure) end
  return cjson.encode(answers)
end

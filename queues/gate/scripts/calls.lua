-- The operations that every call needs, and nothing else. Redis builds all functions of a script anew on each call, and
-- those of the whole gate (gate.lua) cost as much as the call itself.
--
-- KEYS, ARGV and the answer are those of gate.lua. Returns nil and does nothing when gate.lua must be asked, because
-- there is more to do first: a process is dead, silent, or came back.
--- @include "parts/operations/calls"
--- @include "parts/answer"

-- Here every process has given a sign of life.
function declaring.comesBack() end

-- A process that declares nothing need not be heard of.
local function isHeard(process)
  return redis.call('ZSCORE', G .. '.layers:heard', process) or redis.call('HEXISTS', G .. '.layers:catalogues', process) == 0
end

local function hasMoreToDo()
  if #redis.call('ZRANGEBYSCORE', G .. '.processes', '-inf', stamp, 'LIMIT', 0, 1) > 0 then return true end
  if redis.call('ZCOUNT', G .. '.layers:heard', '-inf', stamp) > 0 then return true end
  local heard = {}
  for _, op in ipairs(cjson.decode(ARGV[2])) do
    local process = op.process or (op.next and op.next.process)
    if process and not heard[process] then
      if not isHeard(process) then return true end
      heard[process] = true
    end
  end
  return false
end

if hasMoreToDo() then return false end
return answer(function()
  sweep()
  serveFreed()
end)

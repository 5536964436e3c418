-- What every call asks of the gate, and nothing else: Redis makes all functions of a script anew each time, and those of the whole
-- (gate.lua) cost as much as a call itself.
--
-- KEYS, ARGV and what is returned as of gate.lua; nil, and nothing is done, when the whole has to be asked because there is more
-- to do first: somebody is dead, silent, or heard of anew.
--- @include "parts/operations/calls"
--- @include "parts/answer"

-- All of them were heard of.
function declaring.comesBack() end

-- One that declares nothing need not be heard of.
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

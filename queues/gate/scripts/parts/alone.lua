-- Queues that nobody else waits beside, so that processes may hand their permits on. An entry is written when the gate
-- allows a process to, deleted when another queue begins to wait, and read by the script that takes the next job.
--
-- By machine and queue: the number of the tenant whose jobs are in the queue (-1: no tenant's); 'any' if all jobs are
-- in fair order by themselves, 'arranged' if only those put in front are; the lines that nobody may stand in.
--- @include "state"
--- @constant ALONE_MS

local function notedAlone()
  if not alone then alone = hash(G .. '.alone') end
  return alone
end

local function noteAlone(machine, queue, tenant, order, lines)
  local field = machine .. '\n' .. queue
  local text = digits(tenant) .. ' ' .. order .. '\n' .. table.concat(lines, '\n') .. '\n'
  notedAlone()[field] = text
  redis.call('HSET', G .. '.alone', field, text)
  redis.call('PEXPIRE', G .. '.alone', ALONE_MS)
end

-- A queue waits for a machine or in lines, so those who hold something of it are no longer alone.
local function strikeAlone(machine, queue, lines)
  for field, text in pairs(notedAlone()) do
    local itsMachine, itsQueue = string.match(field, '^(.*)\n(.*)$')
    local isBeside = itsMachine == machine
    for _, line in ipairs(lines) do isBeside = isBeside or string.find(text, '\n' .. line .. '\n', 1, true) end
    if isBeside and itsQueue ~= queue then
      alone[field] = nil
      redis.call('HDEL', G .. '.alone', field)
    end
  end
end

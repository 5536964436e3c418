-- Ends the steps that have not begun or that wait, for another attempt or for somebody outside.
--
-- A forEach step that waits for its items counts as not begun: it is ended by force.
--
-- KEYS: record. ARGV: reason, epoch, then field, shown name and force ('1' or '0') of each step.
-- Returns the positions of the running steps, counted from 0. Each is added to `left` once and marked (`w:`), so that
-- its own ending takes it off again and no other ending does.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"

local run, reason, epoch = KEYS[1], ARGV[1], ARGV[2]
local now = digits(clock())
local prefix, runId = partsOf(run)
local channel = prefix .. '.events:' .. runId
local running, counted = {}, 0
local epochNow, state = unpack(redis.call('HMGET', run, 'epoch', 'state'))
if epochNow ~= epoch then return running end
-- A run stopped by a policy ends with its last job; only a cancelled run ends with its last step.
local counts = state == 'cancelling'
-- The first failed item of a forEach, how many failed, and how many items there are. Items that failed before the stop
-- stay failed.
local function failedItems(field)
  local name = string.sub(field, 3)
  local count = tonumber(redis.call('HGET', run, 'n:' .. name) or '0')
  local first, failed = nil, 0
  for from = 0, count - 1, 500 do
    local names = {}
    for item = from, math.min(from + 499, count - 1) do names[#names + 1] = field .. '.' .. item end
    for _, record in ipairs(redis.call('HMGET', run, unpack(names))) do
      if record and string.sub(record, 1, 1) == 'F' then
        first = first or string.match(record, '|(.*)$')
        failed = failed + 1
      end
    end
  end
  return first, failed, count
end

for at = 3, #ARGV, 3 do
  local field, shown, isForced = ARGV[at], ARGV[at + 1], ARGV[at + 2] == '1'
  local before = redis.call('HGET', run, field)
  local letter = before and string.sub(before, 1, 1)
  if not before or letter == 'B' or letter == 'W' or (letter == 'R' and isForced) then
    local start, startedAt, attempts = '0', '', '0'
    if before then
      local _
      _, _, start, startedAt, attempts = string.find(before, '^%a(%d+),(%d*),%d*,(%d+)|')
    end
    local ending, detail = 'X', reason
    if before and isForced then
      local first, failed, count = failedItems(field)
      if first then
        local failure = cjson.decode(first)
        failure.message = failed .. ' of ' .. count .. ' items failed; the first: ' .. failure.message
        ending, detail = 'F', cjson.encode({ code = failure.code, message = failure.message })
      end
    end
    local record = ending .. start .. ',' .. startedAt .. ',' .. now .. ',' .. attempts .. '|' .. detail
    redis.call('HSET', run, field, record)
    redis.call('PUBLISH', channel, 's\n' .. shown .. '\n' .. record)
  elseif letter == 'R' then
    running[#running + 1] = (at - 3) / 3
    if counts then counted = counted + redis.call('HSETNX', run, 'w' .. string.sub(field, 2), '1') end
  end
end
if counts then redis.call('HINCRBY', run, 'left', counted) end
return running

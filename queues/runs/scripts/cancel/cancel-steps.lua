-- Ends the steps that have not begun, or wait for another attempt.
--
-- A forEach step that waits for its items counts as not begun: it is ended by force.
--
-- KEYS: record. ARGV: reason, epoch, then field, shown name and force ('1' or '0') of each step.
-- Returns the positions of those that are running, counted from 0. Each is added to \`left\` once, and
-- marked (\`w:\`), so that its own ending takes it off again and no other ending does.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"

local now = digits(clock())
local prefix, runId = partsOf(KEYS[1])
local channel = prefix .. '.events:' .. runId
local running, counted = {}, 0
local head = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if head[1] ~= ARGV[2] then return running end
-- What a policy stops ends with its last job; only a run that is cancelled ends with its last step.
local counts = head[2] == 'cancelling'
-- The first failed item of a forEach, and how many there are. What failed before the stop has failed.
local function failedItems(field)
  local name = string.sub(field, 3)
  local count = tonumber(redis.call('HGET', KEYS[1], 'n:' .. name) or '0')
  local first, failed = nil, 0
  for from = 0, count - 1, 500 do
    local names = {}
    for item = from, math.min(from + 499, count - 1) do names[#names + 1] = field .. '.' .. item end
    for _, record in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
      if record and string.sub(record, 1, 1) == 'F' then
        first = first or string.match(record, '|(.*)$')
        failed = failed + 1
      end
    end
  end
  return first, failed, count
end

for at = 3, #ARGV, 3 do
  local before = redis.call('HGET', KEYS[1], ARGV[at])
  local letter = before and string.sub(before, 1, 1)
  if not before or letter == 'B' or letter == 'W' or (letter == 'R' and ARGV[at + 2] == '1') then
    local start, startedAt, attempts = '0', '', '0'
    if before then
      local _
      _, _, start, startedAt, attempts = string.find(before, '^%a(%d+),(%d*),%d*,(%d+)|')
    end
    local letter, detail = 'X', ARGV[1]
    if before and ARGV[at + 2] == '1' then
      local first, failed, count = failedItems(ARGV[at])
      if first then
        local failure = cjson.decode(first)
        failure.message = failed .. ' of ' .. count .. ' items failed; the first: ' .. failure.message
        letter, detail = 'F', cjson.encode({ code = failure.code, message = failure.message })
      end
    end
    local record = letter .. start .. ',' .. startedAt .. ',' .. now .. ',' .. attempts .. '|' .. detail
    redis.call('HSET', KEYS[1], ARGV[at], record)
    redis.call('PUBLISH', channel, 's\n' .. ARGV[at + 1] .. '\n' .. record)
  elseif letter == 'R' then
    running[#running + 1] = (at - 3) / 3
    if counts then counted = counted + redis.call('HSETNX', KEYS[1], 'w' .. string.sub(ARGV[at], 2), '1') end
  end
end
if counts then redis.call('HINCRBY', KEYS[1], 'left', counted) end
return running

-- The one script that every step passes twice: before its tool is called and when it ended. It takes
-- many operations at once, because the steps of a process share its calls.
--
-- KEYS[i] = the run record of operation i.
-- ARGV[1] = JSON: per operation a list of its kind and its arguments.
-- Returns JSON: one list per operation, false for what does not exist. One text each way costs a
-- client a fraction of what hundreds of arguments and replies do.
--- @include "../../connection/scripts/parts/clock"
--- @include "parts/runs"
--- @include "parts/admission"
--- @include "parts/run-clock"
--- @include "parts/width"

local now = clock()
local stamp = digits(now)
local MAX_TAKE_OVERS = 500
local OVER = { C = true, F = true, S = true, X = true }

local function channelOf(key)
  local prefix, run = partsOf(key)
  return prefix .. '.events:' .. run
end

local function read(record)
  if not record then return nil end
  local letter, start, startedAt, _, attempts, detail = string.match(record, '^(%a)(%d+),(%d*),(%d*),(%d+)|(.*)$')
  return { letter = letter, start = tonumber(start), startedAt = startedAt, attempts = tonumber(attempts), detail = detail }
end

local function tell(key, field, record)
  local shown = string.gsub(string.sub(field, 3), '%.(%d+)$', '[%1]')
  redis.call('PUBLISH', channelOf(key), 's\n' .. shown .. '\n' .. record)
end

local function write(key, field, letter, start, startedAt, finishedAt, attempts, detail)
  local record = letter .. start .. ',' .. startedAt .. ',' .. finishedAt .. ',' .. attempts .. '|' .. detail
  redis.call('HSET', key, field, record)
  tell(key, field, record)
  return record
end

local function readInto(answer, key, a, from)
  while from <= #a do
    local to = math.min(from + 999, #a)
    for _, value in ipairs(redis.call('HMGET', key, unpack(a, from, to))) do answer[#answer + 1] = value end
    from = to + 1
  end
  return answer
end

local operations = {}

-- What the detail of a running step says: losses, who calls, a start that waits for that call's result.
local function holdOf(detail)
  local losses, rest = string.match(detail, '^(%d*)(.*)$')
  local holder, waiting = string.match(rest, '^@([^~]*)~?(%d*)$')
  return tonumber(losses) or 0, holder or '', waiting or ''
end

-- The worker of a holder: `<worker>#<number of the call in it>`.
local function workerOf(holder) return string.match(holder, '^[^#]*') end

-- A call goes over to another start: when, and what is known of the worker that made it.
local function noteTakeOver(key, slot, attempt, worker)
  local heard = redis.call('ZSCORE', partsOf(key) .. '.workers', worker)
  local all = cjson.decode(redis.call('HGET', key, 'takeOvers') or '[]')
  if #all >= MAX_TAKE_OVERS then table.remove(all, 1) end
  all[#all + 1] = { slot = slot, atMs = now, attempt = attempt, worker = worker, silentMs = heard and math.max(0, now - heard) or nil }
  redis.call('HSET', key, 'takeOvers', cjson.encode(all))
end

-- field, start, epoch, once, group, takes a place, holder, fields to read ... -> status, record, abort, the fields
function operations.begin(key, a)
  local field, start = a[2], a[3]
  local head = redis.call('HMGET', key, 'state', 'epoch', 'abort', 'abort:' .. a[6], field, 'width', 'parks', 'added', 'away')
  local state, abort, text = head[1], head[3] or head[4], head[5]
  if not state then return { 'gone' } end
  if head[2] ~= tostring(a[4]) then return { 'fenced' } end
  local status, startedAt, attempts, losses, holder, waiting, speaks = 'go', stamp, 1, 0, a[8], '', start
  local before = read(text)
  if before and OVER[before.letter] then return readInto({ 'done', text, abort }, key, a, 9) end
  if before and before.start > start then return { 'fenced' } end
  if ENDED[state] then return { 'gone' } end
  if not abort then
    if state == 'paused' then
      local prefix, run = partsOf(key)
      redis.call('SADD', prefix .. '.parked:' .. run, string.sub(field, 3))
      return { 'paused' }
    end
    if head[9] and state ~= 'compensating' and state ~= 'cancelling' and not takesPlaceAgain(key, head[9], now) then
      local prefix, run = partsOf(key)
      redis.call('SADD', prefix .. '.parked:' .. run, string.sub(field, 3))
      return { 'away' }
    end
    if a[7] == 1 and head[6] and not takePlace(key, string.sub(field, 3), head[6]) then return { 'full' } end
  end
  if before then
    startedAt = before.startedAt
    -- A call that failed is one more; one whose worker died is made again, it is the same.
    attempts = before.attempts + (before.letter == 'B' and 1 or 0)
    if before.letter == 'R' then
      local held, waits
      losses, held, waits = holdOf(before.detail)
      -- A server that took over without having heard of a start gives the job to another, with the same number.
      local isOther = before.start == start and a[5] == 1 and held ~= a[8]
      if before.start < start or isOther then
        -- Sent again, it waits already.
        if waits ~= digits(start) then
          losses = losses + 1
          local worker = workerOf(held)
          if worker ~= '' and a[8] ~= '' then noteTakeOver(key, string.sub(field, 3), attempts, worker) end
        end
        -- The earlier start made the only call there will be: it still has the say about its end.
        if a[5] == 1 then status, speaks, holder, waiting = 'unknown', before.start, held, '~' .. digits(start) end
      end
    end
  end
  local detail = losses > 0 and tostring(losses) or ''
  if holder ~= '' or waiting ~= '' then detail = detail .. '@' .. holder .. waiting end
  text = write(key, field, 'R', speaks, startedAt, '', attempts, detail)
  if state == 'queued' then
    redis.call('HSET', key, 'state', 'running')
    redis.call('HSETNX', key, 'startedAt', stamp)
    -- Its jobs are there; those of a large run may still have to be let go.
    if head[8] ~= '1' then
      local prefix, run = partsOf(key)
      redis.call('ZREM', prefix .. '.adding', run)
    end
    redis.call('PUBLISH', channelOf(key), 'r\nrunning')
  elseif state == 'parked' then
    resumeClock(key, now)
    redis.call('HSET', key, 'state', 'running')
    redis.call('PUBLISH', channelOf(key), 'r\nrunning')
  end
  if head[7] then redis.call('HINCRBY', key, 'version', 1) end
  return readInto({ status, text, abort }, key, a, 9)
end

-- field, start, epoch, letter, attempts, detail, output field, output, more -> status, record,
-- running steps left of a run that is being stopped, version when it may be parked now, slots that got a place
-- more: { aborts: [[field, JSON]], systemic: [[field, JSON]] (takes hold with the third), call: [tool, ms, failed], dead: 1, undo: 1 } or false
function operations.commit(key, a)
  local field, start, more = a[2], a[3], a[10] or {}
  local head = redis.call('HMGET', key, 'state', 'epoch', field, 'left', 'parks', 'width', 'version')
  if not head[1] then return { 'gone' } end
  if head[2] ~= tostring(a[4]) then return { 'fenced' } end
  local before = read(head[3])
  local startedAt = stamp
  if before then
    if OVER[before.letter] then
      -- This very ending, sent again because its answer was lost, is answered as it was then.
      local own = before.start == start
      return { 'done', head[3], own and head[4] or '', own and head[5] and head[7] or '',
        unpack(own and head[6] and grantedBy(key, string.sub(field, 3)) or {}) }
    end
    if before.start > start then return { 'fenced' } end
    startedAt = before.startedAt
  end
  local slot = string.sub(field, 3)
  if a[8] ~= '' then
    local stored, draft = string.match(a[9], '^(@%d+)~(%x+)$')
    if draft then
      local prefix, run = partsOf(key)
      local value = prefix .. '.val:' .. run .. ':' .. a[8]
      if redis.call('EXISTS', value .. '~' .. draft) == 1 then
        redis.call('RENAME', value .. '~' .. draft, value)
        redis.call('PERSIST', value)
      end
    end
    redis.call('HSET', key, a[8], stored or a[9])
  end
  for _, one in ipairs(more.aborts or {}) do redis.call('HSETNX', key, one[1], one[2]) end
  if more.dead then
    local facts = redis.call('HMGET', key, 'tenant', 'parent')
    -- The step that a sub-run works for has a letter of its own, and only that one can be done again.
    if not facts[2] then
      local prefix, run = partsOf(key)
      local entry = run .. ' ' .. slot
      redis.call('ZADD', prefix .. '.dead', stamp, entry)
      redis.call('ZADD', prefix .. '.dead:' .. facts[1], stamp, entry)
    end
  end
  for _, one in ipairs(more.systemic or {}) do
    local count = redis.call('HINCRBY', key, 'systemic:' .. one[1], 1)
    if count >= 3 then redis.call('HSETNX', key, one[1], one[2]) end
  end
  if more.undo then redis.call('HSET', key, 'c:' .. slot, redis.call('HINCRBY', key, 'completions', 1)) end
  local left, version, granted = '', '', {}
  -- Only a step that the canceller counted is taken off again.
  if head[4] and redis.call('HDEL', key, 'w' .. string.sub(field, 2)) == 1 then
    left = tostring(redis.call('HINCRBY', key, 'left', -1))
  end
  if head[6] then
    if more.call then learn(key, more.call, now) end
    granted = leavePlace(key, slot)
  end
  if head[5] then version = tostring(redis.call('HINCRBY', key, 'version', 1)) end
  return { 'ok', write(key, field, a[5], start, startedAt, stamp, a[6], a[7]), left, version, unpack(granted) }
end

-- field, start, epoch, group, attempts, detail, call, undoes -> status, slots that got a place
function operations.retry(key, a)
  local head = redis.call('HMGET', key, 'state', 'epoch', 'abort', 'abort:' .. a[5], a[2], 'width')
  if not head[1] then return { 'gone' } end
  if head[2] ~= tostring(a[4]) then return { 'fenced' } end
  -- What undoes a run that was stopped is not stopped by that.
  if (head[3] or head[4]) and a[9] ~= 1 then return { 'abort' } end
  local before = read(head[5])
  if not before or OVER[before.letter] then return { 'done' } end
  if before.start > a[3] then return { 'fenced' } end
  -- Sent again.
  if before.letter == 'B' and before.start == a[3] then
    return { 'ok', unpack(head[6] and grantedBy(key, string.sub(a[2], 3)) or {}) }
  end
  write(key, a[2], 'B', a[3], before.startedAt, '', a[6], a[7])
  local granted = {}
  if head[6] then
    if a[8] then learn(key, a[8], now) end
    granted = leavePlace(key, string.sub(a[2], 3))
  end
  return { 'ok', unpack(granted) }
end

-- field, start, epoch, detail, decision field -> status, the decision or the version of the run.
-- A step that waits for somebody outside.
function operations.park(key, a)
  local head = redis.call('HMGET', key, 'state', 'epoch', a[2], a[6], 'version')
  if not head[1] then return { 'gone' } end
  if head[2] ~= tostring(a[4]) then return { 'fenced' } end
  local before = read(head[3])
  if not before or before.start > a[3] then return { 'fenced' } end
  -- Sent again: it waits already.
  local waits = before.letter == 'W' and before.start == a[3]
  if before.letter ~= 'R' and not waits then return { 'fenced' } end
  if head[4] then return { 'decided', head[4] } end
  if waits then return { 'ok', head[5] or '0' } end
  write(key, a[2], 'W', a[3], before.startedAt, '', before.attempts, a[5])
  return { 'ok', tostring(redis.call('HINCRBY', key, 'version', 1)) }
end

-- field, start, holder or '' -> status, slots that got a place. Takes a begin back: nothing was called.
function operations.undo(key, a)
  local before = read(redis.call('HGET', key, a[2]))
  local limited = redis.call('HEXISTS', key, 'width') == 1
  if before and before.letter == 'R' and a[4] ~= '' then
    local _, held = holdOf(before.detail)
    if held ~= a[4] then return { 'done' } end
  end
  -- Sent again, or overtaken: those who got its place are named once more, which does them no harm.
  if not before or before.letter ~= 'R' or before.start ~= a[3] then
    return { 'done', unpack(limited and grantedBy(key, string.sub(a[2], 3)) or {}) }
  end
  redis.call('HDEL', key, a[2])
  tell(key, a[2], '')
  return { 'ok', unpack(limited and leavePlace(key, string.sub(a[2], 3)) or {}) }
end

-- fields ... -> the fields
function operations.read(key, a)
  return readInto({}, key, a, 2)
end

local answers = {}
local asked = cjson.decode(ARGV[1])
for index, key in ipairs(KEYS) do answers[index] = operations[asked[index][1]](key, asked[index]) end
return cjson.encode(answers)

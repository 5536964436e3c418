/**
 * The one script that every step passes twice: before its tool is called and when it ended. It takes
 * many operations at once, because the steps of a process share its calls.
 *
 * KEYS[i] = the run record of operation i.
 * ARGV[1] = JSON: per operation a list of its kind and its arguments.
 * Returns JSON: one list per operation, false for what does not exist. One text each way costs a
 * client a fraction of what hundreds of arguments and replies do.
 */
export const LEDGER_SCRIPT = `
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local ENDED = { C = true, F = true, S = true, X = true }
local OPEN = { queued = true, running = true, cancelling = true }

local function channelOf(key)
  local prefix, run = string.match(key, '^(.-)%.run:(.*)$')
  return prefix .. '.events:' .. run
end

local function read(record)
  if not record then return nil end
  local letter, start, startedAt, finishedAt, attempts, detail = string.match(record, '^(%a)(%d+),(%d*),(%d*),(%d+)|(.*)$')
  return { letter = letter, start = tonumber(start), startedAt = startedAt, attempts = tonumber(attempts), detail = detail }
end

local function tell(key, field, record)
  local shown = string.gsub(string.sub(field, 3), '%.(%d+)$', '[%1]')
  redis.call('PUBLISH', channelOf(key), 's\\n' .. shown .. '\\n' .. record)
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

-- field, start, once, fields to read ... -> status, record, abort, the fields
function operations.begin(key, a)
  local field, start = a[2], a[3]
  local head = redis.call('HMGET', key, 'state', 'abort', field)
  local state, text = head[1], head[3]
  if not state then return { 'gone' } end
  local status, startedAt, attempts, losses = 'go', now, 1, ''
  local before = read(text)
  if before then
    if ENDED[before.letter] then
      status = 'done'
    elseif before.start > start then
      return { 'fenced' }
    else
      startedAt = before.startedAt
      -- A call that failed is one more; one whose worker died is made again, it is the same.
      attempts = before.attempts + (before.letter == 'B' and 1 or 0)
      if before.letter == 'R' then losses = before.detail end
      if before.letter == 'R' and before.start < start then
        losses = tostring((tonumber(losses) or 0) + 1)
        if a[4] == 1 then status = 'unknown' end
      end
    end
  end
  if status ~= 'done' then
    if not OPEN[state] then return { 'gone' } end
    text = write(key, field, 'R', start, startedAt, '', attempts, losses)
    if state == 'queued' then
      redis.call('HSET', key, 'state', 'running', 'startedAt', now)
      redis.call('PUBLISH', channelOf(key), 'r\\nrunning')
    end
  end
  return readInto({ status, text, head[2] }, key, a, 5)
end

-- field, start, letter, attempts, detail, abort, output field, output
-- -> status, record, running steps left of a run that is being stopped
function operations.commit(key, a)
  local field, start = a[2], a[3]
  local head = redis.call('HMGET', key, 'state', 'abort', field, 'left')
  if not head[1] then return { 'gone' } end
  local before = read(head[3])
  local startedAt = now
  if before then
    if ENDED[before.letter] then return { 'done', head[3] } end
    if before.start > start then return { 'fenced' } end
    startedAt = before.startedAt
  end
  if a[8] then redis.call('HSET', key, a[8], a[9]) end
  if a[7] ~= '' and not head[2] then redis.call('HSET', key, 'abort', a[7]) end
  local left = ''
  -- Only a step that the canceller counted is taken off again.
  if head[4] and redis.call('HDEL', key, 'w' .. string.sub(field, 2)) == 1 then
    left = tostring(redis.call('HINCRBY', key, 'left', -1))
  end
  return { 'ok', write(key, field, a[4], start, startedAt, now, a[5], a[6]), left }
end

-- field, start, attempts, detail -> status
function operations.retry(key, a)
  local head = redis.call('HMGET', key, 'state', 'abort', a[2])
  if not head[1] then return { 'gone' } end
  if head[2] then return { 'abort' } end
  local before = read(head[3])
  if not before or ENDED[before.letter] then return { 'done' } end
  if before.start > a[3] then return { 'fenced' } end
  write(key, a[2], 'B', a[3], before.startedAt, '', a[4], a[5])
  return { 'ok' }
end

-- field, start -> status. Takes a begin back: nothing was called.
function operations.undo(key, a)
  local before = read(redis.call('HGET', key, a[2]))
  if not before or before.letter ~= 'R' or before.start ~= a[3] then return { 'done' } end
  redis.call('HDEL', key, a[2])
  tell(key, a[2], '')
  return { 'ok' }
end

-- fields ... -> the fields
function operations.read(key, a)
  return readInto({}, key, a, 2)
end

local answers = {}
local asked = cjson.decode(ARGV[1])
for index, key in ipairs(KEYS) do answers[index] = operations[asked[index][1]](key, asked[index]) end
return cjson.encode(answers)
`;

/**
 * The one script that every step passes twice: before its tool is called and when it ended. It takes
 * many operations at once, because all steps of a process share one call per turn of the event loop.
 *
 * KEYS[i] = the run record of operation i.
 * ARGV    = per operation: its kind, how many arguments follow, the arguments.
 * Returns one array per operation.
 */
export const LEDGER_SCRIPT = `
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local ENDED = { C = true, F = true, S = true, X = true }
local OPEN = { queued = true, running = true, cancelling = true }

local function read(record)
  if not record then return nil end
  local letter, start, startedAt, finishedAt, attempts = string.match(record, '^(%a)(%d+),(%d*),(%d*),(%d+)|')
  return { letter = letter, start = tonumber(start), startedAt = startedAt, attempts = tonumber(attempts) }
end

local function write(key, field, letter, start, startedAt, finishedAt, attempts, detail, channel, shown)
  local record = letter .. start .. ',' .. startedAt .. ',' .. finishedAt .. ',' .. attempts .. '|' .. detail
  redis.call('HSET', key, field, record)
  redis.call('PUBLISH', channel, 's\\n' .. shown .. '\\n' .. record)
  return record
end

local operations = {}

-- field, start, once, channel, shown, fields to read ...
-- -> status, record, state, abort, the fields
function operations.begin(key, a)
  local head = redis.call('HMGET', key, 'state', 'abort', a[1])
  local state, abort, text = head[1], head[2], head[3]
  if not state then return { 'gone' } end
  local status, startedAt, attempts = 'go', now, 1
  local before = read(text)
  if before then
    if ENDED[before.letter] then
      status = 'done'
    elseif before.start > tonumber(a[2]) then
      return { 'fenced' }
    else
      startedAt = before.startedAt
      -- A call that failed is one more; one whose worker died is made again, it is the same.
      attempts = before.attempts + (before.letter == 'B' and 1 or 0)
      if a[3] == '1' and before.letter == 'R' and before.start < tonumber(a[2]) then status = 'unknown' end
    end
  end
  if status ~= 'done' then
    if not OPEN[state] then return { 'gone' } end
    text = write(key, a[1], 'R', a[2], startedAt, '', attempts, '', a[4], a[5])
    if state == 'queued' then
      redis.call('HSET', key, 'state', 'running', 'startedAt', now)
      redis.call('PUBLISH', a[4], 'r\\nrunning')
    end
  end
  local answer = { status, text, state, abort }
  local from = 6
  while from <= #a do
    local to = math.min(from + 999, #a)
    for _, value in ipairs(redis.call('HMGET', key, unpack(a, from, to))) do answer[#answer + 1] = value end
    from = to + 1
  end
  return answer
end

-- field, start, letter, attempts, detail, channel, shown, abort, output field, output
-- -> status, record, running steps left of a run that is being stopped
function operations.commit(key, a)
  local head = redis.call('HMGET', key, 'state', 'abort', a[1], 'left')
  if not head[1] then return { 'gone' } end
  local before = read(head[3])
  local startedAt = now
  if before then
    if ENDED[before.letter] then return { 'done', head[3] } end
    if before.start > tonumber(a[2]) then return { 'fenced' } end
    startedAt = before.startedAt
  end
  if a[9] then redis.call('HSET', key, a[9], a[10]) end
  if a[8] ~= '' and not head[2] then redis.call('HSET', key, 'abort', a[8]) end
  local left = ''
  if head[4] then left = tostring(redis.call('HINCRBY', key, 'left', -1)) end
  return { 'ok', write(key, a[1], a[3], a[2], startedAt, now, a[4], a[5], a[6], a[7]), left }
end

-- field, start, attempts, detail, channel, shown -> status
function operations.retry(key, a)
  local head = redis.call('HMGET', key, 'state', 'abort', a[1])
  if not head[1] then return { 'gone' } end
  if head[2] then return { 'abort' } end
  local before = read(head[3])
  if not before or ENDED[before.letter] then return { 'done' } end
  if before.start > tonumber(a[2]) then return { 'fenced' } end
  write(key, a[1], 'B', a[2], before.startedAt, '', a[3], a[4], a[5], a[6])
  return { 'ok' }
end

-- fields ... -> the fields
function operations.read(key, a)
  local answer = {}
  for from = 1, #a, 1000 do
    for _, value in ipairs(redis.call('HMGET', key, unpack(a, from, math.min(from + 999, #a)))) do
      answer[#answer + 1] = value
    end
  end
  return answer
end

local answers, at = {}, 1
for index, key in ipairs(KEYS) do
  local kind, count = ARGV[at], tonumber(ARGV[at + 1])
  local arguments = {}
  for i = 1, count do arguments[i] = ARGV[at + 1 + i] end
  at = at + 2 + count
  answers[index] = operations[kind](key, arguments)
end
return answers
`;

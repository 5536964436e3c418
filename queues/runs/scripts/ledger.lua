-- The one script that every step passes: when its job is taken, before its tool is called, when the step ends and when
-- its job ends. It takes many operations at once, because the steps of a process share its calls.
--
-- KEYS: for each operation the run's record, or a key of the job's queue. ARGV: the operations as JSON, as in
-- record/ledger-operations.ts, where an absent field is nil; a key of the sender; the number of this call among the
-- sender's calls.
-- Returns JSON: one list per operation, false for what does not exist. One text each way costs a client a fraction of
-- what hundreds of arguments and replies cost.
--- @include "parts/step-record"
--- @include "parts/admission"
--- @include "parts/run-clock"
--- @include "parts/width"
--- @include "parts/finish"
--- @include "parts/from-template"
--- @include "parts/links"
--- @include "../../gate/scripts/parts/handed-on"
--- @given moves
--- @constant PAYLOAD_VERSION
--- @constant SENT_MS

local operations = {}

-- A sender numbers its calls in order. A number not above the last one means that the call was sent again because its
-- answer was lost.
local function isSentAgain(sender, number)
  local last = redis.call('SET', sender, number, 'PX', SENT_MS, 'GET')
  if not last or tonumber(last) < tonumber(number) then return false end
  redis.call('SET', sender, last, 'PX', SENT_MS)
  return true
end
local isResent = isSentAgain(ARGV[2], ARGV[3])

local function addFields(answer, key, fields)
  for from = 1, #fields, 1000 do
    local to = math.min(from + 999, #fields)
    for _, value in ipairs(redis.call('HMGET', key, unpack(fields, from, to))) do answer[#answer + 1] = value end
  end
  return answer
end

-- A step must wait until its run goes on.
local function standAside(key, slot)
  local prefix, run = partsOf(key)
  redis.call('SADD', prefix .. '.parked:' .. run, slot)
end

-- -> status, record, abort, the fields
function operations.begin(key, op)
  local slot, start = op.slot, op.start
  local field = 's:' .. slot
  local state, epoch, ofRun, ofGroup, text, width, parks, added, away = unpack(redis.call('HMGET', key,
    'state', 'epoch', 'abort', 'abort:' .. (op.group or ''), field, 'width', 'parks', 'jobs', 'away'))
  local abort = ofRun or ofGroup
  if not state then return { 'gone' } end
  if epoch ~= tostring(op.epoch) then return { 'fenced' } end
  local status, startedAt, attempts, losses, waiting, speaks = 'go', stamp, 1, 0, '', start
  local own = op.holder or ''
  local holder = own
  local before = read(text)
  if before and OVER[before.letter] then return addFields({ 'done', text, abort }, key, op.fields) end
  if before and before.start > start then return { 'fenced' } end
  if ENDED[state] then return { 'gone' } end
  if not abort then
    if state == 'paused' then
      standAside(key, slot)
      return { 'paused' }
    end
    if away and state ~= 'compensating' and state ~= 'cancelling' and not takesPlaceAgain(key, away, now) then
      standAside(key, slot)
      return { 'away' }
    end
    if op.calls and width and not takePlace(key, slot, width) then return { 'full' } end
  end
  if before then
    startedAt = before.startedAt
    -- After a failed call this is one more attempt. A call whose worker died is made again as the same attempt.
    attempts = before.attempts + (before.letter == 'B' and 1 or 0)
    if before.letter == 'R' then
      local held, waits
      losses, held, waits = holdOf(before.detail)
      -- A failover server that does not know of a start gives the job to another worker, with the same number.
      local isOther = before.start == start and op.once and held ~= own
      if before.start < start or isOther then
        -- If so, this was sent again and already waits.
        if waits ~= digits(start) then
          losses = losses + 1
          local worker = workerOf(held)
          if worker ~= '' and own ~= '' then noteTakeOver(key, slot, attempts, worker) end
        end
        -- The earlier start made the only call there may be, so it still decides the ending.
        if op.once then status, speaks, holder, waiting = 'unknown', before.start, held, '~' .. digits(start) end
      end
    end
  end
  local detail = losses > 0 and tostring(losses) or ''
  if holder ~= '' or waiting ~= '' then detail = detail .. '@' .. holder .. waiting end
  text = write(key, field, 'R', speaks, startedAt, '', attempts, detail)
  if state == 'queued' then
    redis.call('HSET', key, 'state', 'running')
    redis.call('HSETNX', key, 'startedAt', stamp)
    -- Its jobs are there. Those of a large run may still have to be released.
    if added ~= '1' then
      local prefix, run = partsOf(key)
      redis.call('ZREM', prefix .. '.adding', run)
    end
    redis.call('PUBLISH', channelOf(key), 'r\nrunning')
  elseif state == 'parked' then
    resumeClock(key, now)
    redis.call('HSET', key, 'state', 'running')
    redis.call('PUBLISH', channelOf(key), 'r\nrunning')
  end
  if parks then redis.call('HINCRBY', key, 'version', 1) end
  return addFields({ status, text, abort }, key, op.fields)
end

-- Tells the jobs that have a link to an ended step. One that starts with the first of its dependencies then waits for
-- no other.
local function follow(links, letter)
  for _, to in ipairs(links.to) do
    local key = to.queue .. ':' .. to.job
    if unlink(to.queue, to.job, links.job) then
      redis.call('HSET', key .. (letter == 'F' and ':failed' or ':processed'), links.job, links.told)
      if to.any and letter == 'C' then redis.call('DEL', key .. ':dependencies') end
      goOn(to.queue, to.job, stamp)
    end
  end
end

-- Ends the run with its last step. Returns `ended` and the admitted runs; `open` if the record alone does not tell how
-- the run ends; nil if it had already ended.
local function endRun(key, state, cap)
  if ENDED[state] then return nil end
  local stopped, failed = unpack(redis.call('HMGET', key, 'abort', 'failed'))
  if stopped or failed or state == 'cancelling' or state == 'compensating' then return 'open' end
  return 'ended', finish(key, 'completed', 'done', cap, now, {})
end

-- -> status, record, what follows: { left: running steps of a run that is being stopped, version: the version at which
-- it may be parked now, granted: slots that got a place, run and admitted: see endRun }
function operations.commit(key, op)
  local slot, start = op.slot, op.start
  local field = 's:' .. slot
  local state, epoch, text, left, parks, width, version = unpack(redis.call('HMGET', key,
    'state', 'epoch', field, 'left', 'parks', 'width', 'version'))
  if not state then return { 'gone' } end
  if epoch ~= tostring(op.epoch) then return { 'fenced' } end
  local before = read(text)
  local startedAt = stamp
  if before then
    if OVER[before.letter] then
      local after = {}
      -- The same ending, sent again because its answer was lost, gets the same answer again.
      if before.start == start then
        after.left, after.version = tonumber(left), parks and version or nil
        after.granted = width and grantedBy(key, slot) or nil
        if op.ends and not ENDED[state] then after.run = 'open' end
      end
      return { 'done', text, after }
    end
    if before.start > start then return { 'fenced' } end
    startedAt = before.startedAt
  end
  if op.output then
    local outputField = 'o:' .. slot
    local stored, draft = string.match(op.output, '^(@%d+)~(%x+)$')
    if draft then
      local prefix, run = partsOf(key)
      local value = prefix .. '.val:' .. run .. ':' .. outputField
      if redis.call('EXISTS', value .. '~' .. draft) == 1 then
        redis.call('RENAME', value .. '~' .. draft, value)
        redis.call('PERSIST', value)
      end
    end
    redis.call('HSET', key, outputField, stored or op.output)
  end
  for _, one in ipairs(op.aborts or {}) do redis.call('HSETNX', key, one.field, one.abort) end
  if op.dead then
    local tenant, parent = unpack(redis.call('HMGET', key, 'tenant', 'parent'))
    -- The step that a sub-run works for has a dead letter of its own, and only that one can be retried.
    if not parent then
      local prefix, run = partsOf(key)
      local entry = run .. ' ' .. slot
      redis.call('ZADD', prefix .. '.dead', stamp, entry)
      redis.call('ZADD', prefix .. '.dead:' .. tenant, stamp, entry)
    end
  end
  for _, one in ipairs(op.systemic or {}) do
    local count = redis.call('HINCRBY', key, 'systemic:' .. one.field, 1)
    if count >= 3 then redis.call('HSETNX', key, one.field, one.abort) end
  end
  if op.undoable then redis.call('HSET', key, 'c:' .. slot, redis.call('HINCRBY', key, 'completions', 1)) end
  if op.letter == 'F' then redis.call('HSET', key, 'failed', '1') end
  local after = {}
  -- Only a step that the canceller counted is taken off.
  if left and redis.call('HDEL', key, 'w:' .. slot) == 1 then after.left = redis.call('HINCRBY', key, 'left', -1) end
  if width then
    if op.call then learn(key, op.call, now) end
    after.granted = leavePlace(key, slot)
  end
  if parks then after.version = tostring(redis.call('HINCRBY', key, 'version', 1)) end
  if op.links then follow(op.links, op.letter) end
  text = write(key, field, op.letter, start, startedAt, stamp, op.attempts, op.detail or '')
  if op.ends then after.run, after.admitted = endRun(key, state, op.ends) end
  return { 'ok', text, after }
end

-- -> status, slots that got a place
function operations.retry(key, op)
  local slot = op.slot
  local field = 's:' .. slot
  local state, epoch, ofRun, ofGroup, text, width = unpack(redis.call('HMGET', key,
    'state', 'epoch', 'abort', 'abort:' .. (op.group or ''), field, 'width'))
  if not state then return { 'gone' } end
  if epoch ~= tostring(op.epoch) then return { 'fenced' } end
  -- The calls that undo a stopped run are not stopped by its abort.
  if (ofRun or ofGroup) and not op.undoes then return { 'abort' } end
  local before = read(text)
  if not before or OVER[before.letter] then return { 'done' } end
  if before.start > op.start then return { 'fenced' } end
  -- Sent again.
  if before.letter == 'B' and before.start == op.start then return { 'ok', unpack(width and grantedBy(key, slot) or {}) } end
  write(key, field, 'B', op.start, before.startedAt, '', op.attempts, op.detail)
  local granted = {}
  if width then
    if op.call then learn(key, op.call, now) end
    granted = leavePlace(key, slot)
  end
  return { 'ok', unpack(granted) }
end

-- -> status, the decision or the version of the run. The step waits for somebody outside.
function operations.park(key, op)
  local field = 's:' .. op.slot
  local state, epoch, text, decision, version = unpack(redis.call('HMGET', key,
    'state', 'epoch', field, 'd:' .. op.slot, 'version'))
  if not state then return { 'gone' } end
  if epoch ~= tostring(op.epoch) then return { 'fenced' } end
  local before = read(text)
  if not before or before.start > op.start then return { 'fenced' } end
  -- Then it was sent again and already waits.
  local waits = before.letter == 'W' and before.start == op.start
  if before.letter ~= 'R' and not waits then return { 'fenced' } end
  if decision then return { 'decided', decision } end
  if waits then return { 'ok', version or '0' } end
  write(key, field, 'W', op.start, before.startedAt, '', before.attempts, op.detail)
  return { 'ok', tostring(redis.call('HINCRBY', key, 'version', 1)) }
end

-- -> status, slots that got a place. Takes a begin back, because nothing was called.
function operations.undo(key, op)
  local slot = op.slot
  local field = 's:' .. slot
  local before = read(redis.call('HGET', key, field))
  local limited = redis.call('HEXISTS', key, 'width') == 1
  if before and before.letter == 'R' and op.holder then
    local _, held = holdOf(before.detail)
    if held ~= op.holder then return { 'done' } end
  end
  -- Sent again, or overtaken: names those who got its place once more, which is harmless.
  if not before or before.letter ~= 'R' or before.start ~= op.start then
    return { 'done', unpack(limited and grantedBy(key, slot) or {}) }
  end
  redis.call('HDEL', key, field)
  tell(key, field, '')
  return { 'ok', unpack(limited and leavePlace(key, slot) or {}) }
end

-- -> the fields
function operations.read(key, op)
  return addFields({}, key, op.fields)
end

-- What each step reads when it begins, stored beside its definition by a worker that began one. The number changes with
-- the meaning of the stored text.
local BEGINS = 'b1:'
function operations.learn(key, op)
  if redis.call('HEXISTS', key, 'json') == 1 then redis.call('HSET', key, BEGINS .. op.slot, op.begin) end
  return {}
end

-- Begins the step of a job that was just taken, if it is known what the step reads and nothing about it is unusual.
-- holder: who calls its tool. -> what begin answers, or nil.
local function beginTaken(taken, prefix, holder)
  local flat = taken[1]
  if type(flat) ~= 'table' then return nil end
  local facts = {}
  for i = 1, #flat, 2 do facts[flat[i]] = flat[i + 1] end
  -- A later start needs more checks. And if it had to be put back, the earlier record would be lost.
  if facts.ats ~= '1' or (facts.stc or '0') ~= '0' then return nil end
  local job = cjson.decode(facts.data)
  if job.v ~= PAYLOAD_VERSION or job.epoch ~= 0 or not job.stepId then return nil end
  if job.item or job.undo or job.alt or job.handed then return nil end
  local known = redis.call('HGET', prefix .. '.def:' .. job.hash, BEGINS .. job.stepId)
  if not known then return nil end
  local op = cjson.decode(known)
  op.slot, op.start, op.epoch, op.holder = job.stepId, 1, 0, holder
  return operations.begin(prefix .. '.run:' .. job.runId, op)
end

-- Where BullMQ's scripts have the arguments used here: the key prefix of the queue, the packed options, the job that
-- ends, and whether to fetch the next.
local PLACES = { moveToActive = { queue = 1, options = 3 }, moveToFinished = { queue = 7, options = 8, job = 1, next = 6 } }

-- The answer of a BullMQ script that has taken no job.
local NOTHING = { 0, 0, 0, 0 }

-- The answer of an earlier call that took a job with this token and whose answer was lost; nil if there was none. A
-- token has one job at a time.
local function takenBefore(op)
  local places = PLACES[op.script]
  local queue, token = op.args[places.queue], op.args[places.options].token
  local ends = places.job and op.args[places.job]
  if ends and redis.call('GET', queue .. ends .. ':lock') == token then return nil end
  for _, job in ipairs(redis.call('LRANGE', op.keys[2], 0, -1)) do
    if redis.call('GET', queue .. job .. ':lock') == token then return { redis.call('HGETALL', queue .. job), job, 0, 0 } end
  end
end

-- -> BullMQ's answer, or false and why it failed, so that the other operations of the call go on. Then how the step of
-- the taken job began, or false; 'ask' if none was taken because the gate must be asked again about the permit that is
-- handed on.
function operations.move(_, op)
  -- Both scripts expect the time here.
  op.args[2] = stamp
  local before = isResent and takenBefore(op)
  local done, answer, refused = true, before, false
  if not before then
    refused = op.handed and not mayHandOn(op.prefix, op.handed.queue, op.handed.machine)
    if refused and op.script == 'moveToActive' then return { NOTHING, false, false, 'ask' } end
    if refused then op.args[PLACES.moveToFinished.next] = '' end
    done, answer = pcall(moves[op.script], op.keys, op.args)
  end
  if not done then return { false, type(answer) == 'table' and answer.err or tostring(answer) } end
  if op.holder and type(answer) == 'table' then
    local fine, begun = pcall(beginTaken, answer, op.prefix, op.holder)
    if fine and begun then return { answer, false, begun } end
  end
  return { answer or false, false, false, refused and 'ask' or nil }
end

-- Whether an ending leaves work that its process must do before the job ends. If the process dies first, the job starts
-- again.
local function leavesWork(after)
  return after.run == 'open' or after.left == 0 or after.version
    or (after.granted and #after.granted > 0) or (after.admitted and #after.admitted > 0)
end

-- Whether this start of the step has written the ending: now, or when the call was sent first.
local function isWritten(committed, op)
  return committed[1] == 'ok' or (isResent and committed[1] == 'done' and read(committed[2]).start == op.start)
end

-- -> what commit answers, and BullMQ's answer if the job has ended with its step.
operations['end'] = function(key, op)
  local committed = operations.commit(key, op.commit)
  if not isWritten(committed, op.commit) or leavesWork(committed[3]) then return { committed } end
  return { committed, operations.move(key, op.move) }
end

local answers = {}
for index, op in ipairs(cjson.decode(ARGV[1])) do answers[index] = operations[op.op](KEYS[index], op) end
return cjson.encode(answers)

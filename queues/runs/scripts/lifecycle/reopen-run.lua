-- Reopens steps of a run that has ended, as its next epoch: a compare-and-set, so that of two who try
-- at once one wins. What is kept stays as it is.
--
-- KEYS: record. ARGV: JSON of { epoch, cap, actor, reopened JSON, steps (slots whose record goes),
-- fields (more fields that go), input, inputHash, edits: [[field, JSON]] }.
-- Returns JSON of { state, epoch } as found when the run is not as the caller saw it, and of
-- { reopened: epoch, admitted } otherwise; nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"

local head = redis.call('HMGET', KEYS[1], 'state', 'epoch', 'tenant', 'epochs', 'finishedAt', 'serial')
if not head[1] then return nil end
local asked = cjson.decode(ARGV[1])
if not ENDED[head[1]] or head[2] ~= tostring(asked.epoch) then
  return cjson.encode({ state = head[1], epoch = tonumber(head[2]) })
end
local prefix, runId = partsOf(KEYS[1])
local now = clock()
local gone = { 'abort', 'left', 'output', 'error', 'unmet', 'finishedAt', 'startedAt', 'added', 'admittedAt',
  'ending', 'undoing', 'compensation', 'remainingMs', 'busy', 'aimd', 'away', 'returned' }
for _, field in ipairs(asked.fields) do gone[#gone + 1] = field end
for _, slot in ipairs(asked.steps) do
  for _, kind in ipairs({ 's:', 'o:', 'd:', 'c:', 'g:', 'G:', 'w:' }) do gone[#gone + 1] = kind .. slot end
  gone[#gone + 1] = 's:' .. slot .. '.undo'
  gone[#gone + 1] = 'o:' .. slot .. '.undo'
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. slot)
  redis.call('ZREM', prefix .. '.dead:' .. head[3], runId .. ' ' .. slot)
end
for from = 1, #gone, 1000 do redis.call('HDEL', KEYS[1], unpack(gone, from, math.min(from + 999, #gone))) end
redis.call('DEL', prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId)
local epochs = cjson.decode(head[4] or '[]')
epochs[#epochs + 1] = { epoch = asked.epoch, state = head[1], finishedAtMs = tonumber(head[5]), resumedBy = asked.actor, resumedAtMs = now, steps = asked.count }
redis.call('HSET', KEYS[1], 'epoch', digits(asked.epoch + 1), 'state', 'queued', 'reopened', asked.reopened, 'epochs', cjson.encode(epochs))
if asked.input then redis.call('HSET', KEYS[1], 'input', asked.input, 'inputHash', asked.inputHash) end
for _, edit in ipairs(asked.edits) do redis.call('HSET', KEYS[1], edit[1], edit[2]) end
redis.call('ZREM', prefix .. '.done:' .. head[3], runId)
redis.call('ZREM', prefix .. '.failed:' .. head[3], runId)
redis.call('ZADD', prefix .. '.open', '+inf', runId)
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\nqueued')
for _, event in ipairs(cjson.decode(redis.call('HGET', KEYS[1], 'listens') or '[]')) do
  redis.call('SADD', prefix .. '.listeners:' .. event, runId)
end
local answer = { reopened = asked.epoch + 1, admitted = {} }
if head[6] and redis.call('HSETNX', prefix .. '.serial', head[6], runId) == 0 then
  redis.call('RPUSH', prefix .. '.serial:' .. head[6], runId)
else
  await(prefix, runId, now)
  answer.admitted = pump(prefix, head[3], asked.cap, now)
end
return cjson.encode(answer)

-- Reopens steps of an ended run as its next epoch: a compare-and-set, so that only one of two concurrent callers wins.
-- What is kept stays as it is.
--
-- KEYS: record. ARGV: JSON of { epoch, cap, actor, reopened JSON, steps (slots whose record goes), fields (more fields
-- that go), input, inputHash, edits: [[field, JSON]] }.
-- Returns JSON of { state, epoch } as found if the run is not as the caller saw it, otherwise of { reopened: epoch,
-- admitted }; nil if there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/admission"

local record, askedJson = KEYS[1], ARGV[1]
local state, epoch, tenant, epochsJson, finishedAt, serial = unpack(redis.call('HMGET', record, 'state', 'epoch', 'tenant', 'epochs', 'finishedAt', 'serial'))
if not state then return nil end
local asked = cjson.decode(askedJson)
if not ENDED[state] or epoch ~= tostring(asked.epoch) then
  return cjson.encode({ state = state, epoch = tonumber(epoch) })
end
local prefix, runId = partsOf(record)
local now = clock()
local gone = { 'abort', 'left', 'output', 'error', 'unmet', 'finishedAt', 'startedAt', 'jobs', 'admittedAt',
  'ending', 'undoing', 'compensation', 'remainingMs', 'busy', 'aimd', 'away', 'returned' }
for _, field in ipairs(asked.fields) do gone[#gone + 1] = field end
for _, slot in ipairs(asked.steps) do
  for _, kind in ipairs({ 's:', 'o:', 'd:', 'c:', 'g:', 'G:', 'w:' }) do gone[#gone + 1] = kind .. slot end
  gone[#gone + 1] = 's:' .. slot .. '.undo'
  gone[#gone + 1] = 'o:' .. slot .. '.undo'
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. slot)
  redis.call('ZREM', prefix .. '.dead:' .. tenant, runId .. ' ' .. slot)
end
for from = 1, #gone, 1000 do redis.call('HDEL', record, unpack(gone, from, math.min(from + 999, #gone))) end
redis.call('DEL', prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId)
local epochs = cjson.decode(epochsJson or '[]')
epochs[#epochs + 1] = { epoch = asked.epoch, state = state, finishedAtMs = tonumber(finishedAt), resumedBy = asked.actor, resumedAtMs = now, steps = asked.count }
redis.call('HSET', record, 'epoch', digits(asked.epoch + 1), 'state', 'queued', 'reopened', asked.reopened, 'epochs', cjson.encode(epochs), 'failed', '1')
if asked.input then redis.call('HSET', record, 'input', asked.input, 'inputHash', asked.inputHash) end
for _, edit in ipairs(asked.edits) do redis.call('HSET', record, edit[1], edit[2]) end
redis.call('ZREM', prefix .. '.done:' .. tenant, runId)
redis.call('ZREM', prefix .. '.failed:' .. tenant, runId)
redis.call('ZADD', prefix .. '.open', '+inf', runId)
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\nqueued')
for _, event in ipairs(cjson.decode(redis.call('HGET', record, 'listens') or '[]')) do
  redis.call('SADD', prefix .. '.listeners:' .. event, runId)
end
local answer = { reopened = asked.epoch + 1, admitted = {} }
if serial and redis.call('HSETNX', prefix .. '.serial', serial, runId) == 0 then
  redis.call('RPUSH', prefix .. '.serial:' .. serial, runId)
else
  await(prefix, runId, now)
  answer.admitted = pump(prefix, tenant, asked.cap, now)
end
return cjson.encode(answer)

-- Ends a run, once, and admits those that waited for its place.
--
-- KEYS: record. ARGV: JSON of { epoch, state, kept, cap, output, error, unmet }.
-- Returns JSON of { state, admitted }, or nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"
--- @include "../parts/admission"

local record, endingJson = KEYS[1], ARGV[1]
local state, epoch, tenant, serial, listens = unpack(redis.call('HMGET', record, 'state', 'epoch', 'tenant', 'serial', 'listens'))
if not state then return nil end
local ending = cjson.decode(endingJson)
if ENDED[state] or epoch ~= tostring(ending.epoch) then return cjson.encode({ state = state }) end
local prefix, runId = partsOf(record)
local now = clock()
local fields = { 'state', ending.state, 'finishedAt', digits(now) }
for _, field in ipairs({ 'output', 'error', 'unmet' }) do
  if ending[field] then
    fields[#fields + 1] = field
    fields[#fields + 1] = ending[field]
  end
end
redis.call('HSET', record, unpack(fields))
redis.call('ZREM', prefix .. '.open', runId)
redis.call('ZREM', prefix .. '.adding', runId)
untend(prefix, runId)
if redis.call('SREM', prefix .. '.admitted:' .. tenant, runId) == 0 then
  redis.call('ZREM', prefix .. '.waiting:' .. tenant, runId)
end
redis.call('ZADD', prefix .. '.' .. ending.kept .. ':' .. tenant, digits(now), runId)
for _, event in ipairs(listens and cjson.decode(listens) or {}) do
  redis.call('SREM', prefix .. '.listeners:' .. event, runId)
end
if serial then
  local holder, line = prefix .. '.serial', prefix .. '.serial:' .. serial
  if redis.call('HGET', holder, serial) == runId then
    local follower = redis.call('LPOP', line)
    if follower then
      redis.call('HSET', holder, serial, follower)
      -- Who is held, or being stopped, has its turn and no use for it yet.
      if redis.call('HGET', prefix .. '.run:' .. follower, 'state') == 'queued' then await(prefix, follower, now) end
    else
      redis.call('HDEL', holder, serial)
    end
  else
    redis.call('LREM', line, 1, runId)
  end
end
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\n' .. ending.state)
return cjson.encode({ state = ending.state, admitted = pump(prefix, tenant, ending.cap, now) })

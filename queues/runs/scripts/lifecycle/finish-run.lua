-- Ends a run, once, and admits those that waited for its place.
--
-- KEYS: record. ARGV: JSON of { epoch, state, kept, cap, output, error, unmet }.
-- Returns JSON of { state, admitted }, or nil when there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/runs"
--- @include "../parts/tended"
--- @include "../parts/admission"

local head = redis.call('HMGET', KEYS[1], 'state', 'epoch', 'tenant', 'serial', 'listens')
if not head[1] then return nil end
local ending = cjson.decode(ARGV[1])
if ENDED[head[1]] or head[2] ~= tostring(ending.epoch) then return cjson.encode({ state = head[1] }) end
local prefix, runId = partsOf(KEYS[1])
local now = clock()
local fields = { 'state', ending.state, 'finishedAt', digits(now) }
for _, field in ipairs({ 'output', 'error', 'unmet' }) do
  if ending[field] then
    fields[#fields + 1] = field
    fields[#fields + 1] = ending[field]
  end
end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('ZREM', prefix .. '.open', runId)
redis.call('ZREM', prefix .. '.adding', runId)
untend(prefix, runId)
if redis.call('SREM', prefix .. '.admitted:' .. head[3], runId) == 0 then
  redis.call('ZREM', prefix .. '.waiting:' .. head[3], runId)
end
redis.call('ZADD', prefix .. '.' .. ending.kept .. ':' .. head[3], digits(now), runId)
for _, event in ipairs(head[5] and cjson.decode(head[5]) or {}) do
  redis.call('SREM', prefix .. '.listeners:' .. event, runId)
end
if head[4] then
  local holder, line = prefix .. '.serial', prefix .. '.serial:' .. head[4]
  if redis.call('HGET', holder, head[4]) == runId then
    local follower = redis.call('LPOP', line)
    if follower then
      redis.call('HSET', holder, head[4], follower)
      -- Who is held, or being stopped, has its turn and no use for it yet.
      if redis.call('HGET', prefix .. '.run:' .. follower, 'state') == 'queued' then await(prefix, follower, now) end
    else
      redis.call('HDEL', holder, head[4])
    end
  else
    redis.call('LREM', line, 1, runId)
  end
end
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\n' .. ending.state)
return cjson.encode({ state = ending.state, admitted = pump(prefix, head[3], ending.cap, now) })

-- The end of a run.
--- @include "runs"
--- @include "tended"
--- @include "admission"

-- Ends a run: removes it from the indexes of open runs and admits runs that waited for its place. `more`: fields that
-- say how it ended. Returns the admitted runs.
local function finish(record, state, kept, cap, now, more)
  local prefix, runId = partsOf(record)
  local tenant, serial, listens = unpack(redis.call('HMGET', record, 'tenant', 'serial', 'listens'))
  local fields = { 'state', state, 'finishedAt', digits(now) }
  for field, value in pairs(more) do
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  redis.call('HSET', record, unpack(fields))
  redis.call('ZREM', prefix .. '.open', runId)
  redis.call('ZREM', prefix .. '.adding', runId)
  untend(prefix, runId)
  if redis.call('SREM', prefix .. '.admitted:' .. tenant, runId) == 0 then
    redis.call('ZREM', prefix .. '.waiting:' .. tenant, runId)
  end
  redis.call('ZADD', prefix .. '.' .. kept .. ':' .. tenant, digits(now), runId)
  for _, event in ipairs(listens and cjson.decode(listens) or {}) do
    redis.call('SREM', prefix .. '.listeners:' .. event, runId)
  end
  if serial then
    local holder, line = prefix .. '.serial', prefix .. '.serial:' .. serial
    if redis.call('HGET', holder, serial) == runId then
      local follower = redis.call('LPOP', line)
      if follower then
        redis.call('HSET', holder, serial, follower)
        -- A held or stopping run gets its turn but cannot use it yet.
        if redis.call('HGET', prefix .. '.run:' .. follower, 'state') == 'queued' then await(prefix, follower, now) end
      else
        redis.call('HDEL', holder, serial)
      end
    else
      redis.call('LREM', line, 1, runId)
    end
  end
  redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\n' .. state)
  return pump(prefix, tenant, cap, now)
end

-- The level of the deployment. It may be changed by whoever fixed it, or by the pass that counts failures. `level` in
-- the gate's hash; `levelBy` and `levelUntil` (ms, absent: until changed) while it is fixed by hand. Every change is an
-- event of the stream `audit`.
--- @include "../operations"
--- @constant AUDIT_KEPT

local function levelNow() return tonumber(redis.call('HGET', G, 'level') or '0') end

local function turnLevel(to, reason, by)
  local from = levelNow()
  redis.call('XADD', G .. '.audit', 'MAXLEN', '~', AUDIT_KEPT, '*', 'at', stamp, 'from', from, 'to', to, 'reason', reason, 'by', by)
  if from == to then return end
  redis.call('HSET', G, 'level', to)
  tellAll('!level')
  walked = {}
  serveAll()
end

-- Who fixed the level, and until when; nil if nobody did, or that time is over.
local function fixedBy()
  local fixed = redis.call('HMGET', G, 'levelBy', 'levelUntil')
  if not fixed[1] then return nil end
  if not fixed[2] or tonumber(fixed[2]) > now then return fixed[1], tonumber(fixed[2] or '0') end
  redis.call('HDEL', G, 'levelBy', 'levelUntil')
  turnLevel(levelNow(), 'its time is over', fixed[1])
end

-- level or 'auto', { who, reason, untilMs }. Fixes the level, or releases it.
function operations.fix(op)
  local to, by = op.level, op.by or {}
  local who = by.who or 'an operator'
  redis.call('HDEL', G, 'levelBy', 'levelUntil')
  if to == 'auto' then
    turnLevel(levelNow(), by.reason or 'given back to what is counted', who)
    return 0
  end
  redis.call('HSET', G, 'levelBy', who)
  if by.untilMs then redis.call('HSET', G, 'levelUntil', digits(by.untilMs)) end
  turnLevel(to, by.reason or 'fixed by hand', who)
  return 0
end

-- from, to, reason -> 1, or 0 if the level has changed meanwhile or was fixed.
function operations.turn(op)
  if fixedBy() or levelNow() ~= op.from then return 0 end
  turnLevel(op.to, op.reason, 'tutti')
  return 1
end

-- number of changes -> { level, by, untilMs, changes: newest first }
function operations.level(op)
  local by, untilMs = fixedBy()
  local changes = {}
  for index, entry in ipairs(redis.call('XREVRANGE', G .. '.audit', '+', '-', 'COUNT', op.count)) do
    local change = {}
    for i = 1, #entry[2], 2 do change[entry[2][i]] = entry[2][i + 1] end
    changes[digits(index)] = change
  end
  return { level = levelNow(), by = by, untilMs = untilMs, changes = changes }
end

-- How well the services behind the tools answer.
function operations.health()
  local by = fixedBy()
  local seen = { now = now, level = levelNow(), by = by, outcomes = hash(G .. '.outcomes'), open = {}, upstreams = {} }
  for field, text in pairs(hash(G .. '.trouble')) do
    local tool = string.match(field, '^b:(.*)$')
    local breaker = tool and cjson.decode(text)
    -- A breaker whose time is over may be well again; only a call can tell.
    if breaker and breaker.s == 'open' and now < breaker.until_ then seen.open[tool] = breaker.until_ end
  end
  for tool, text in pairs(hash(G .. '.tools')) do seen.upstreams[tool] = cjson.decode(text).upstream end
  return seen
end

-- tool -> the level, if the tool rests at it; otherwise -1.
function operations.rests(op)
  local limits, level = toolOf(op.tool), levelNow()
  return limits and (limits.importance or 1) > 2 - level and level or -1
end

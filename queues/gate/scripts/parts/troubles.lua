-- Trouble keeps a tool from being called even if there is room: a breaker that is not closed, an upstream that asked to
-- be left alone, and the ramp after that. One hash, a field each; no field, no trouble.
--
-- breaker `b:<tool>`: { s: open | half, at: since, until_, probes: underway, ok: succeeded }
-- upstream `u:<name>`: { at, until_, allowed: calls at once after it, goal: the number that ends the ramp, row: 429s in
-- a row }
--- @include "state"
--- @constant BREAKER_FAILURES
--- @constant BREAKER_OPEN_MS
--- @constant BREAKER_PROBES
--- @constant BREAKER_QUORUM_MS
--- @constant COOL_DOWN_MAX_MS
--- @constant COOL_DOWN_MS
--- @constant RAMP_MS

local function troubleOf(field)
  local found = troubles[field]
  if found == nil then
    local text = redis.call('HGET', G .. '.trouble', field)
    found = text and cjson.decode(text) or false
    troubles[field] = found
  end
  return found
end

-- Failures in a row that open the breaker of a tool, how long it stays open, and how many probes follow.
local function breakerOf(tool)
  local own = (toolOf(tool) or {}).breaker or {}
  return own.failures or BREAKER_FAILURES, own.openMs or BREAKER_OPEN_MS, own.probes or BREAKER_PROBES
end

local settled = {}
local function setTrouble(field, trouble)
  troubles[field] = trouble
  if trouble then
    redis.call('HSET', G .. '.trouble', field, cjson.encode(trouble))
    tellAll('+' .. field)
  else
    redis.call('HDEL', G .. '.trouble', field)
    tellAll('-' .. field)
    settled[#settled + 1] = field
  end
end

-- A call that hangs since before the pause must not keep all others forever, so a ramp ends by itself.
local function rampEnds(upstream) return math.max(upstream.at, upstream.until_) + RAMP_MS end

-- Passes every trouble that keeps a tool from being called now to 'no'.
local function troubled(tool, limits, no)
  local level = tonumber(redis.call('HGET', G, 'level') or '0')
  if (limits.importance or 1) > 2 - level then no({ kind = 'degraded', level = level }) end
  local breaker = troubleOf('b:' .. tool)
  if breaker then
    if breaker.s == 'open' and now < breaker.until_ then
      no({ kind = 'breaker', state = 'open', untilMs = breaker.until_ })
    elseif breaker.s == 'half' and breaker.probes >= select(3, breakerOf(tool)) then
      no({ kind = 'breaker', state = 'half_open', probes = breaker.probes, line = 'p:' .. tool })
    end
  end
  local upstream = troubleOf('u:' .. limits.upstream)
  if upstream then
    if now < upstream.until_ then
      no({ kind = 'cool_down', upstream = limits.upstream, untilMs = upstream.until_ })
    elseif now < rampEnds(upstream) and runningOf('u:' .. limits.upstream) >= upstream.allowed then
      no({ kind = 'ramp', upstream = limits.upstream, line = 'u:' .. limits.upstream, allowed = upstream.allowed, goal = upstream.goal })
    end
  end
end

-- A call that is let through while the breaker is not closed tests whether the tool is back.
local function isProbe(tool)
  local breaker = troubleOf('b:' .. tool)
  if not breaker then return false end
  if breaker.s == 'open' then breaker.s, breaker.at, breaker.probes, breaker.ok = 'half', now, 0, 0 end
  breaker.probes = breaker.probes + 1
  setTrouble('b:' .. tool, breaker)
  return true
end

local function openBreaker(tool)
  local _, openMs = breakerOf(tool)
  setTrouble('b:' .. tool, { s = 'open', at = now, until_ = now + openMs, probes = 0, ok = 0 })
end

-- Counts failures in a row for each machine. The breaker opens when most machines that called the tool recently report
-- it as down: one machine with a broken network must not stop the others.
local function countFailure(tool, machine, failed)
  local key = G .. '.failures:' .. tool
  if not failed then
    owe(key, 't:' .. machine, nil, stamp)
    owe(key, 'f:' .. machine, nil, 0)
    return
  end
  settle()
  redis.call('HSET', key, 't:' .. machine, stamp)
  local failures = breakerOf(tool)
  if redis.call('HINCRBY', key, 'f:' .. machine, 1) < failures then return end
  local flat, called, down = redis.call('HGETALL', key), 0, 0
  local facts = {}
  for i = 1, #flat, 2 do facts[flat[i]] = tonumber(flat[i + 1]) end
  for field, at in pairs(facts) do
    local name = string.match(field, '^t:(.*)$')
    if name then
      if at < now - BREAKER_QUORUM_MS then
        redis.call('HDEL', key, field, 'f:' .. name)
      else
        called = called + 1
        if (facts['f:' .. name] or 0) >= failures then down = down + 1 end
      end
    end
  end
  if down * 2 > called and not troubleOf('b:' .. tool) then openBreaker(tool) end
end

local function coolDown(upstream, retryAfterMs, underway)
  local before = troubleOf('u:' .. upstream)
  local row = before and before.row or 0
  local pause = retryAfterMs > 0 and retryAfterMs or math.min(COOL_DOWN_MAX_MS, COOL_DOWN_MS * 2 ^ math.min(row, 20))
  local trouble = before or { at = now, until_ = 0, goal = 1, row = 0 }
  -- Answers to calls that were underway when it closed bring no news, unless they ask for longer.
  if now >= trouble.until_ then trouble.row = row + 1 end
  trouble.until_ = math.max(trouble.until_, now + pause)
  trouble.goal = math.max(trouble.goal, underway)
  trouble.allowed = 1
  setTrouble('u:' .. upstream, trouble)
end

-- What the end of a call says about its tool and its upstream. class: ok | limited (429) | down (timeout, connection,
-- 5xx) | none (it says nothing).
local function learnTrouble(tool, upstream, machine, call)
  local breaker, closed = troubleOf('b:' .. tool), troubleOf('u:' .. upstream)
  if breaker and call.probe then
    breaker.probes = math.max(0, breaker.probes - 1)
    if call.class == 'down' then
      openBreaker(tool)
    elseif call.class == 'ok' and breaker.s == 'half' then
      breaker.ok = breaker.ok + 1
      local _, _, probes = breakerOf(tool)
      if breaker.ok >= probes then
        settle()
        redis.call('DEL', G .. '.failures:' .. tool)
        setTrouble('b:' .. tool, false)
        -- Many have waited, so they come back in growing waves.
        if not troubleOf('u:' .. upstream) then
          setTrouble('u:' .. upstream, { at = now, until_ = 0, goal = probes * 8, allowed = probes, row = 0 })
        end
      else
        setTrouble('b:' .. tool, breaker)
      end
    else
      setTrouble('b:' .. tool, breaker)
    end
  elseif call.class == 'ok' or call.class == 'down' then
    countFailure(tool, machine, call.class == 'down')
  end
  if call.class == 'limited' then
    coolDown(upstream, call.retryAfterMs or 0, call.underway)
  elseif closed and call.class == 'ok' and call.since >= closed.until_ then
    closed.allowed = closed.allowed + 1
    local over = closed.allowed >= closed.goal or now >= rampEnds(closed)
    setTrouble('u:' .. upstream, not over and closed)
  end
end

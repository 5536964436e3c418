-- Mode `adaptive`: how many calls of a run may be underway. The width changes after each wave of as many calls as the
-- width, at least 5. It increases by 1 while calls are fast and succeed. It is halved when the 95th percentile of a
-- tool's calls exceeds 1.5 times its best wave, or when more than a tenth of the calls failed (AIMD: Chiu and Jain,
-- 1989).
--
-- Fields of the record: `width`, `busy` (calls underway), `g:<slot>` (holds a place), `G:<slot>` (slots that got the
-- place this one gave back), `aimd` (the wave so far, and past decisions). Slots without a place wait in
-- `<prefix>.width:<run>`.
--- @include "runs"

local WAVE, MAX_WIDTH, SLOW, BAD, KEPT = 5, 256, 1.5, 0.1, 50

local function placesOf(key)
  local prefix, run = partsOf(key)
  return prefix .. '.width:' .. run
end

local function takePlace(key, slot, width)
  if redis.call('HEXISTS', key, 'g:' .. slot) == 1 then return true end
  if tonumber(redis.call('HGET', key, 'busy') or '0') < tonumber(width) then
    redis.call('HINCRBY', key, 'busy', 1)
    redis.call('HSET', key, 'g:' .. slot, '1')
    return true
  end
  redis.call('ZADD', placesOf(key), 'NX', redis.call('HINCRBY', key, 'queued', 1), slot)
  return false
end

-- The slots that got the place this one gave back last. For a caller that asks again because the answer was lost.
local function grantedBy(key, slot)
  return cjson.decode(redis.call('HGET', key, 'G:' .. slot) or '[]')
end

-- Gives a place back and hands free places to waiting slots. Returns those slots.
local function leavePlace(key, slot)
  -- A slot that ended while it waited, because its group was stopped, must get no place: nobody would give it back.
  redis.call('ZREM', placesOf(key), slot)
  if redis.call('HDEL', key, 'g:' .. slot) == 0 then return grantedBy(key, slot) end
  local busy = redis.call('HINCRBY', key, 'busy', -1)
  local width = tonumber(redis.call('HGET', key, 'width'))
  local granted = {}
  while busy < width do
    local first = redis.call('ZPOPMIN', placesOf(key))[1]
    if not first then break end
    redis.call('HSET', key, 'g:' .. first, '1')
    busy = redis.call('HINCRBY', key, 'busy', 1)
    granted[#granted + 1] = first
  end
  if #granted > 0 then redis.call('HSET', key, 'G:' .. slot, cjson.encode(granted))
  else redis.call('HDEL', key, 'G:' .. slot) end
  return granted
end

local function p95(list)
  table.sort(list)
  return list[math.ceil(#list * 0.95)]
end

local function learn(key, call, now)
  local width = tonumber(redis.call('HGET', key, 'width'))
  local state = cjson.decode(redis.call('HGET', key, 'aimd') or '{"calls":[],"failed":0,"best":{},"history":[]}')
  state.calls[#state.calls + 1] = { call.tool, call.ms }
  if call.failed then state.failed = state.failed + 1 end
  local count = #state.calls
  if count >= math.max(WAVE, width) then
    local byTool = {}
    for _, one in ipairs(state.calls) do
      byTool[one[1]] = byTool[one[1]] or {}
      table.insert(byTool[one[1]], one[2])
    end
    local reason, change = 'calls are fast and well', 1
    for tool, times in pairs(byTool) do
      local now95 = p95(times)
      local best = state.best[tool]
      if best and now95 > best * SLOW + 1 then
        change, reason = 0.5, 'p95 of ' .. tool .. ' rose from ' .. best .. ' to ' .. now95 .. ' ms'
      end
      if not best or now95 < best then state.best[tool] = now95 end
    end
    if state.failed > count * BAD then change, reason = 0.5, state.failed .. ' of ' .. count .. ' calls failed' end
    local after = change == 1 and math.min(MAX_WIDTH, width + 1) or math.max(1, math.floor(width * change))
    table.insert(state.history, { atMs = now, from = width, to = after, reason = reason, calls = count, failed = state.failed })
    if #state.history > KEPT then table.remove(state.history, 1) end
    redis.call('HSET', key, 'width', tostring(after))
    state.calls, state.failed = {}, 0
  end
  local text = string.gsub(cjson.encode(state), '"calls":{}', '"calls":[]')
  text = string.gsub(string.gsub(text, '"history":{}', '"history":[]'), '"best":%[%]', '"best":{}')
  redis.call('HSET', key, 'aimd', text)
end

-- Rate windows. Each budget and window has a sorted set of places and their sum. A place is `<permit>:<units>`, scored
-- by the latest time at which the call reaches its service. A window holds when no stretch of its length has more units
-- than its maximum. That is checked exactly, not by buckets. A call that has ended must have arrived.
--- @include "state"

local pruned = {}
local function windowKey(name, durationMs) return G .. '.window:' .. name .. ':' .. digits(durationMs) end
local function sumField(name, durationMs) return name .. '\n' .. digits(durationMs) end

-- Forgets the places that a window has left behind. Returns the sum of the others.
local function sumOf(name, durationMs)
  local key, field = windowKey(name, durationMs), sumField(name, durationMs)
  if not pruned[key] then
    pruned[key] = true
    local before = digits(now - durationMs)
    local old = redis.call('ZRANGEBYSCORE', key, '-inf', before)
    if #old > 0 then
      local units = 0
      for _, place in ipairs(old) do units = units + tonumber(string.match(place, ':(%d+)$')) end
      redis.call('ZREMRANGEBYSCORE', key, '-inf', before)
      use(field, -units)
    end
    -- No place lies further ahead than a guard, unless Redis' clock was set back: then it would stay taken until the
    -- old time comes again. Such a place counts as taken now.
    local latest = digits(now + guardOf(durationMs))
    local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
    if last[2] and tonumber(last[2]) > tonumber(latest) then
      for _, place in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. latest, '+inf')) do redis.call('ZADD', key, latest, place) end
    end
  end
  return usedOf(field)
end

-- When a window will have room for these units; 0 if it has room now.
local function roomAt(name, max, durationMs, units)
  local over = sumOf(name, durationMs) + units - max
  if over <= 0 then return 0 end
  local key, from = windowKey(name, durationMs), 0
  while true do
    local places = redis.call('ZRANGE', key, from, from + 49, 'WITHSCORES')
    if #places == 0 then return now + durationMs end
    for i = 1, #places, 2 do
      over = over - tonumber(string.match(places[i], ':(%d+)$'))
      if over <= 0 then return tonumber(places[i + 1]) + durationMs + 1 end
    end
    from = from + 50
  end
end

-- Notes when to look at a lane's window again: once all of its places have passed.
local function willPass(name, durationMs)
  if string.sub(name, 1, 5) ~= 'lane:' then return end
  local at = now + durationMs + guardOf(durationMs)
  redis.call('ZADD', G .. '.lane-windows', digits(at), sumField(name, durationMs))
end

local function takePlaces(id, take)
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      sumOf(one[1], window[2])
      redis.call('ZADD', windowKey(one[1], window[2]), digits(now + guardOf(window[2])), id .. ':' .. digits(one[3]))
      use(sumField(one[1], window[2]), digits(one[3]))
      willPass(one[1], window[2])
    end
  end
end

-- How late after its grant a call may go out and still keep its windows; 0 if it takes none.
local function guardOfTake(take)
  local guard = 0
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      local own = guardOf(window[2])
      if guard == 0 or own < guard then guard = own end
    end
  end
  return guard
end

-- Corrects the units of a permit to those actually used. A place of 0 units is given back.
local function correctPlaces(id, take, actual)
  for _, one in ipairs(take.b) do
    local units = actual[one[1]]
    local budget = units and units ~= one[3] and one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      local key, place = windowKey(one[1], window[2]), id .. ':' .. digits(one[3])
      local at = redis.call('ZSCORE', key, place)
      if at then
        redis.call('ZREM', key, place)
        if units > 0 then redis.call('ZADD', key, at, id .. ':' .. digits(units)) end
        use(sumField(one[1], window[2]), digits(units - one[3]))
      end
    end
  end
end

-- The call is over: it has arrived by now.
local function endPlaces(id, take)
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      local key, place = windowKey(one[1], window[2]), id .. ':' .. digits(one[3])
      local at = redis.call('ZSCORE', key, place)
      if at and tonumber(at) > now then redis.call('ZADD', key, stamp, place) end
    end
  end
end

-- Moves the places of a permit to this moment. If a window has left one behind and has no room for it now, nothing
-- moves; returns when there will be room.
local function movePlaces(id, take)
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      sumOf(one[1], window[2])
      if not redis.call('ZSCORE', windowKey(one[1], window[2]), id .. ':' .. digits(one[3])) then
        local at = roomAt(one[1], window[1], window[2], one[3])
        if at > now then return at end
      end
    end
  end
  for _, one in ipairs(take.b) do
    local budget = one[3] > 0 and budgetOf(one[1])
    for _, window in ipairs(budget and budget.rates or {}) do
      if redis.call('ZADD', windowKey(one[1], window[2]), digits(now + guardOf(window[2])), id .. ':' .. digits(one[3])) == 1 then
        use(sumField(one[1], window[2]), digits(one[3]))
      end
      willPass(one[1], window[2])
    end
  end
  return 0
end

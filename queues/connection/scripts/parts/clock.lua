-- For scripts that need the time. Times are of Redis' clock, in milliseconds since 1970.

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function digits(number) return string.format('%.0f', number) end

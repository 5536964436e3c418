-- What many operations of a call change is kept in Lua and written once: when the call ends, or when something reads more than
-- a single number of it. One that gives a permit back and takes the next leaves most numbers as they were.
--- @include "../../../connection/scripts/parts/clock"
--- @constant SAMPLES_KEPT

local owed, sums, samples = {}, {}, { key = false }

-- A field of a hash is to have a value: a number, which goes at 0 unless it stays, or a text. `was`: what it has, if that is known.
local function owe(key, field, was, value, stays)
  local fields = owed[key]
  if not fields then
    fields = {}
    owed[key] = fields
  end
  local one = fields[field]
  if not one then
    one = { was = was, stays = stays }
    fields[field] = one
  end
  one.value = value
end

-- A field of a hash that nothing here reads grows.
local function add(key, field, by)
  local fields = sums[key]
  if not fields then
    fields = {}
    sums[key] = fields
  end
  fields[field] = (fields[field] or 0) + by
end

local function settle()
  for key, fields in pairs(owed) do
    local set, gone = {}, {}
    for field, one in pairs(fields) do
      if one.value ~= one.was then
        if one.value == 0 and not one.stays then
          gone[#gone + 1] = field
        else
          set[#set + 1] = field
          set[#set + 1] = type(one.value) == 'number' and digits(one.value) or one.value
        end
      end
    end
    for from = 1, #set, 1000 do redis.call('HSET', key, unpack(set, from, math.min(from + 999, #set))) end
    for from = 1, #gone, 1000 do redis.call('HDEL', key, unpack(gone, from, math.min(from + 999, #gone))) end
  end
  for key, fields in pairs(sums) do
    for field, by in pairs(fields) do redis.call('HINCRBY', key, field, by) end
  end
  if #samples > 0 then
    for from = 1, #samples, 1000 do redis.call('RPUSH', samples.key, unpack(samples, from, math.min(from + 999, #samples))) end
    redis.call('LTRIM', samples.key, -SAMPLES_KEPT, -1)
  end
  owed, sums, samples = {}, {}, { key = samples.key }
end

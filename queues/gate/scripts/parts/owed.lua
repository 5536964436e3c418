-- Keeps the changes of many operations in Lua and writes them once: at the end of the call, or when something reads
-- more than a single number of them. An operation that gives a permit back and takes the next leaves most numbers as
-- they were.
--- @include "../../../connection/scripts/parts/clock"
--- @constant SAMPLES_KEPT

local owed, sums, samples = {}, {}, { key = false }

-- Sets a field of a hash to a value: a text, or a number, whose field is deleted at 0 unless it stays. `was`: its value
-- in Redis, if known.
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

-- Adds to a field of a hash that nothing here reads.
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

-- KEYS: a result. Returns { age in ms, JSON }, or nil.
--- @include "../../connection/scripts/parts/clock"

local key = KEYS[1]
local now = clock()
local text = redis.call('GET', key)
if not text then return nil end
local at, json = string.match(text, '^(%d+)|(.*)$')
return { math.max(0, now - tonumber(at)), json }

-- KEYS: a result. Returns { age in ms, JSON }, or nil.
--- @include "../../connection/scripts/parts/clock"

local now = clock()
local text = redis.call('GET', KEYS[1])
if not text then return nil end
local at, json = string.match(text, '^(%d+)|(.*)$')
return { math.max(0, now - tonumber(at)), json }

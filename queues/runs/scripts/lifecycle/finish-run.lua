-- Ends a run, once, and admits runs that waited for its place.
--
-- KEYS: record. ARGV: JSON of { epoch, state, kept, cap, output, error, unmet }.
-- Returns JSON of { state, admitted }, or nil if there is no such run.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/finish"
--- @include "../parts/from-template"

local record, endingJson = KEYS[1], ARGV[1]
local state, epoch = unpack(redis.call('HMGET', record, 'state', 'epoch'))
if not state then return nil end
local ending = cjson.decode(endingJson)
if ENDED[state] or epoch ~= tostring(ending.epoch) then return cjson.encode({ state = state }) end
local more = { output = ending.output, error = ending.error, unmet = ending.unmet }
return cjson.encode({ state = ending.state, admitted = finish(record, ending.state, ending.kept, ending.cap, clock(), more) })

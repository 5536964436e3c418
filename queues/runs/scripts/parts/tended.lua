-- Who looks after runs finds those that may need it in one index, so that runs which only wait for their turn cost
-- nothing. Its score is what a run is at, times KIND_SPAN, plus when it came there or was looked at last: those of
-- a kind come first that nobody has looked at for longest.
--- @include "../../../connection/scripts/parts/clock"
--- @constant KIND_SPAN

-- It is being stopped or undone; it is at work; it is held, or all of it waits for somebody.
local STOPPING, AT_WORK, ASIDE, KINDS = 0, 1, 2, { 0, 1, 2 }
local function tend(prefix, runId, kind, now)
  redis.call('ZADD', prefix .. '.tended', digits(kind * KIND_SPAN + now), runId)
end
local function untend(prefix, runId) redis.call('ZREM', prefix .. '.tended', runId) end

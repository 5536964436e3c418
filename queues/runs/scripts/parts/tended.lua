-- One index of the runs that may need looking after, so that runs that only wait for their turn cost nothing. The score
-- is the kind of the run's state times KIND_SPAN, plus when it got there or was last looked at. So within a kind, the
-- run that nobody has looked at for longest comes first.
--- @include "../../../connection/scripts/parts/clock"
--- @constant KIND_SPAN

-- STOPPING: it is being stopped or undone. ASIDE: it is held, or all of it waits for somebody.
local STOPPING, AT_WORK, ASIDE, KINDS = 0, 1, 2, { 0, 1, 2 }
local function tend(prefix, runId, kind, now)
  redis.call('ZADD', prefix .. '.tended', digits(kind * KIND_SPAN + now), runId)
end
local function untend(prefix, runId) redis.call('ZREM', prefix .. '.tended', runId) end

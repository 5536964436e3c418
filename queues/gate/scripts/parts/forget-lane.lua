-- Forgets the order of calls in a lane that is gone.

local function forgetLane(prefix, lane)
  redis.call('UNLINK', prefix .. '.gate.marks:' .. lane, prefix .. '.gate.turns:q:' .. lane, prefix .. '.gate.turns:lane:' .. lane)
end

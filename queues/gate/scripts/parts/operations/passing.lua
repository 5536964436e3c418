-- Jobs that will not call their tool.
--- @include "../operations"

-- { queue, job } ... marks jobs that will not call their tool: they wait for nothing, also not behind
-- others. Marks of jobs that were removed before they came here are forgotten.
function operations.pass(op)
  redis.call('ZREMRANGEBYSCORE', G .. '.free', '-inf', stamp)
  for _, one in ipairs(op.jobs) do markFree(one.queue, one.job) end
  return 0
end

-- job ... Their marks have served, or are of no use any more.
function operations.passed(op)
  return redis.call('ZREM', G .. '.free', unpack(op.jobs))
end

-- Jobs that will not call their tool.
--- @include "../operations"

-- { queue, job } ... Marks jobs that will not call their tool. They wait for nothing, not even behind others. Marks of
-- jobs that were removed before they came here expire.
function operations.pass(op)
  redis.call('ZREMRANGEBYSCORE', G .. '.free', '-inf', stamp)
  for _, one in ipairs(op.jobs) do markFree(one.queue, one.job) end
  return 0
end

-- job ... Their marks have been used, or are no longer needed.
function operations.passed(op)
  return redis.call('ZREM', G .. '.free', unpack(op.jobs))
end

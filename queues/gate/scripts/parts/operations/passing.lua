-- Jobs that will not call their tool.
--- @include "../operations"

-- { queue, job } ... marks jobs that will not call their tool: they wait for nothing, also not behind
-- others. Marks of jobs that were removed before they came here are forgotten.
function operations.pass(a)
  redis.call('ZREMRANGEBYSCORE', G .. '.free', '-inf', stamp)
  for i = 2, #a do markFree(a[i][1], a[i][2]) end
  return 0
end

-- job ... Their marks have served, or are of no use any more.
function operations.passed(a)
  return redis.call('ZREM', G .. '.free', unpack(a, 2))
end

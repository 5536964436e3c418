-- The tree of jobs holds one parent of each step. Every other job that waits for the step does so by a link: the step's
-- job is also in BullMQ's own set of the jobs that it waits for.
--- @given releaseParent

-- Stops a job from waiting for another. The job is given by its queue's key prefix and its id. True if it did wait.
local function unlink(queue, job, child)
  return redis.call('SREM', queue .. ':' .. job .. ':dependencies', child) == 1
end

-- Lets a job go on once it waits for nothing.
local function goOn(queue, job, stamp)
  local key = queue .. ':' .. job
  releaseParent({ key, key .. ':dependencies' }, { queue, job, stamp })
end

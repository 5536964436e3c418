-- The tree of jobs holds one parent of each step. Whoever else waits for the step does so by a link: the set of what a job
-- waits for, BullMQ's own, names the step's job too.
--- @given releaseParent

-- A job, by how the keys of its queue begin and by its id, does not wait for another any more. True when it did.
local function unlink(queue, job, child)
  return redis.call('SREM', queue .. ':' .. job .. ':dependencies', child) == 1
end

-- A job that waits for nothing any more goes on.
local function goOn(queue, job, stamp)
  local key = queue .. ':' .. job
  releaseParent({ key, key .. ':dependencies' }, { queue, job, stamp })
end

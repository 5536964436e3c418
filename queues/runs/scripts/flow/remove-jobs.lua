-- Removes jobs, one by one, with BullMQ's script for a single job. Jobs that are gone cost nothing.
--
-- KEYS: the jobs that the gate lets pass. ARGV: for each job the key prefix of its queue, and its id.
-- Returns how many a worker has locked.
--- @given remove

local locked = 0
for at = 1, #ARGV, 2 do
  local prefix, job = ARGV[at], ARGV[at + 1]
  redis.call('ZREM', KEYS[1], job)
  if redis.call('EXISTS', prefix .. job) == 1 and remove({ prefix .. job, prefix .. 'repeat' }, { job, '0', prefix }) ~= 1 then
    locked = locked + 1
  end
end
return locked

-- Removes jobs, each by itself, with BullMQ's script for one. Jobs that are gone cost nothing.
--
-- KEYS: the jobs that the gate lets pass. ARGV: of each job how the keys of its queue begin, and its id.
-- Returns how many are locked by a worker.
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

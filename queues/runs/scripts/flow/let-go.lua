-- Lets a job go on that waits for others, when it waits for nothing else. Harmless when it does not wait (any more).
--
-- KEYS: the job. ARGV: how the keys of its queue begin, its id, and the keys of jobs that it need not wait for.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/links"

local queue, job = ARGV[1], ARGV[2]
for at = 3, #ARGV do unlink(queue, job, ARGV[at]) end
goOn(queue, job, digits(clock()))
return 1

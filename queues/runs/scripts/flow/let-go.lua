-- Releases a job from others that it waits for, and lets it go on when it waits for nothing else. Harmless if it does
-- not wait.
--
-- KEYS: the job. ARGV: the key prefix of its queue, its id, and the keys of the jobs that it need not wait for.
--- @include "../../../connection/scripts/parts/clock"
--- @include "../parts/links"

local queue, job = ARGV[1], ARGV[2]
for at = 3, #ARGV do unlink(queue, job, ARGV[at]) end
goOn(queue, job, digits(clock()))
return 1

-- All keys of a deployment share one hash tag, so a script may derive them.

local ENDED = { completed = true, completed_with_unmet_criteria = true, partial = true, failed = true, cancelled = true, timed_out = true }
-- The prefix of the deployment and the run id, from the key of a record.
local function partsOf(key) return string.match(key, '^(.-)%.run:(.*)$') end

-- What cannot wait: runs whose time is over, and admitted runs whose jobs nobody has added. The caller has some time to
-- add the jobs before another one is told.
--
-- KEYS: open runs, runs whose jobs are being added. ARGV: how many of each at most.
-- Returns { overdue, without jobs }.
--- @include "../../../connection/scripts/parts/clock"
--- @constant ADDING_MS

local open, adding, limit = KEYS[1], KEYS[2], ARGV[1]
local now = clock()
local overdue = redis.call('ZRANGEBYSCORE', open, '-inf', digits(now), 'LIMIT', 0, limit)
local left = redis.call('ZRANGEBYSCORE', adding, '-inf', digits(now), 'LIMIT', 0, limit)
for _, runId in ipairs(left) do redis.call('ZADD', adding, 'XX', digits(now + ADDING_MS), runId) end
return { overdue, left }

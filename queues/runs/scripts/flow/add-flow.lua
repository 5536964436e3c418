-- Calls scripts of BullMQ in the order of its arguments, unless there is something at its key.
--
-- KEYS: the first job of the flow. ARGV: how many jobs have links, for each the set of what it waits for, how many more that
-- is to name, and these; for each call the number of the script, how many keys it takes, how many keys and
-- arguments there are, and these. Returns the answers; false when the flow is there.
--- @given scripts

if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local answers = {}
local at = 2
-- First: a job that waits for nothing would begin.
for _ = 1, tonumber(ARGV[1]) do
  local waitsFor, last = ARGV[at], at + 1 + tonumber(ARGV[at + 1])
  for from = at + 2, last, 1000 do redis.call('SADD', waitsFor, unpack(ARGV, from, math.min(from + 999, last))) end
  at = last + 1
end
while at <= #ARGV do
  local script, numberOfKeys, given = scripts[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local keys, args = {}, {}
  for index = 1, given do
    local text = ARGV[at + 2 + index]
    if index <= numberOfKeys then keys[index] = text else args[index - numberOfKeys] = text end
  end
  -- A list ends at its first nil.
  answers[#answers + 1] = script(keys, args) or false
  at = at + 3 + given
end
return answers

-- Calls scripts of BullMQ in the order of its arguments, unless its key exists.
--
-- KEYS: the first job of the flow. ARGV: the number of jobs with links; for each, the set of what it waits for, the
-- number of names to add to the set, and the names. Then for each call: the number of the script, how many keys it
-- takes, how many keys and arguments follow, and those. Returns the answers; false if the flow exists.
--- @given scripts

if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local answers = {}
local at = 2
-- Links first: a job that waits for nothing would begin.
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
  -- A Lua list ends at its first nil.
  answers[#answers + 1] = script(keys, args) or false
  at = at + 3 + given
end
return answers

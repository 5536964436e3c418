-- Calls scripts of BullMQ in the order of its arguments, unless there is something at its key.
--
-- KEYS: the first job of the flow. ARGV: for each call the number of the script, how many keys it takes, how many keys and
-- arguments there are, and these. Returns the answers; false when the flow is there.
--- @given scripts

if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local answers = {}
local at = 1
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

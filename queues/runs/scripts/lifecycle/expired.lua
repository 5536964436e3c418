-- Finds ended runs of tenants that are too old or beyond the number to keep.
--
-- KEYS: all runs. ARGV: prefix, time before which done runs expire, the same for failed ones, how many of each are
-- kept, how many of each kind and tenant are named, tenants.
-- Returns how many there are in total, then the oldest ones.

local prefix, doneBefore, failedBefore, keep, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local answer = { 0 }
for i = 6, #ARGV do
  for kind, before in pairs({ done = doneBefore, failed = failedBefore }) do
    local set = prefix .. '.' .. kind .. ':' .. ARGV[i]
    local count = math.max(redis.call('ZCOUNT', set, '-inf', before), redis.call('ZCARD', set) - keep)
    if count > 0 then
      answer[1] = answer[1] + count
      local last = math.min(count, limit) - 1
      if last >= 0 then
        for _, runId in ipairs(redis.call('ZRANGE', set, 0, last)) do answer[#answer + 1] = runId end
      end
    end
  end
end
return answer

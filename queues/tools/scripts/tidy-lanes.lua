-- Removes the remains of lanes that were dropped before their last job was removed.
--
-- KEYS: lanes. ARGV: prefix, lanes.
--- @include "parts/lane"

local all = KEYS[1]
for i = 2, #ARGV do
  if not redis.call('ZSCORE', all, ARGV[i]) and not isBusy(ARGV[i]) then clean(ARGV[i]) end
end
return 0

-- Removes what is left of lanes that were dropped before their last job was removed.
--
-- KEYS: lanes. ARGV: prefix, lanes.
--- @include "parts/lane"

for i = 2, #ARGV do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) and not isBusy(ARGV[i]) then clean(ARGV[i]) end
end
return 0

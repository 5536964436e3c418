local duty, token, leaseMs = KEYS[1], ARGV[1], ARGV[2]
if redis.call('GET', duty) ~= token then return 0 end
return redis.call('PEXPIRE', duty, leaseMs)

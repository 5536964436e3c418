local duty, token = KEYS[1], ARGV[1]
if redis.call('GET', duty) ~= token then return 0 end
return redis.call('DEL', duty)

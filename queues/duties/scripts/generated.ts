// Made of the .lua files of this folder by `npm run lua`. Change those, not this.

export const LEAVE_DUTY = `local duty, token = KEYS[1], ARGV[1]
if redis.call('GET', duty) ~= token then return 0 end
return redis.call('DEL', duty)
`;

export const RENEW_DUTY = `local duty, token, leaseMs = KEYS[1], ARGV[1], ARGV[2]
if redis.call('GET', duty) ~= token then return 0 end
return redis.call('PEXPIRE', duty, leaseMs)
`;

import { ADMISSION, SHARED } from "./shared.ts";

/**
 * Ends a run, once, and admits those that waited for its place.
 *
 * KEYS: record. ARGV: JSON of { epoch, state, kept, cap, output, error, unmet }.
 * Returns JSON of { state, admitted }, or nil when there is no such run.
 */
export const FINISH_RUN_SCRIPT = `
${SHARED}${ADMISSION}
local head = redis.call('HMGET', KEYS[1], 'state', 'epoch', 'tenant', 'serial', 'listens')
if not head[1] then return nil end
local ending = cjson.decode(ARGV[1])
if ENDED[head[1]] or head[2] ~= tostring(ending.epoch) then return cjson.encode({ state = head[1] }) end
local prefix, runId = partsOf(KEYS[1])
local now = clock()
local fields = { 'state', ending.state, 'finishedAt', digits(now) }
for _, field in ipairs({ 'output', 'error', 'unmet' }) do
  if ending[field] then
    fields[#fields + 1] = field
    fields[#fields + 1] = ending[field]
  end
end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('ZREM', prefix .. '.open', runId)
redis.call('ZREM', prefix .. '.adding', runId)
untend(prefix, runId)
if redis.call('SREM', prefix .. '.admitted:' .. head[3], runId) == 0 then
  redis.call('ZREM', prefix .. '.waiting:' .. head[3], runId)
end
redis.call('ZADD', prefix .. '.' .. ending.kept .. ':' .. head[3], digits(now), runId)
for _, event in ipairs(head[5] and cjson.decode(head[5]) or {}) do
  redis.call('SREM', prefix .. '.listeners:' .. event, runId)
end
if head[4] then
  local holder, line = prefix .. '.serial', prefix .. '.serial:' .. head[4]
  if redis.call('HGET', holder, head[4]) == runId then
    local next = redis.call('LPOP', line)
    if next then
      redis.call('HSET', holder, head[4], next)
      -- Who is held, or being stopped, has its turn and no use for it yet.
      if redis.call('HGET', prefix .. '.run:' .. next, 'state') == 'queued' then await(prefix, next, now) end
    else
      redis.call('HDEL', holder, head[4])
    end
  else
    redis.call('LREM', line, 1, runId)
  end
end
redis.call('PUBLISH', prefix .. '.events:' .. runId, 'r\\n' .. ending.state)
return cjson.encode({ state = ending.state, admitted = pump(prefix, head[3], ending.cap, now) })
`;

/**
 * Forgets a run that has ended, and its definition with the last that uses it. One of many steps is forgotten in several
 * calls, its record with the last.
 *
 * KEYS: record, definition. ARGV: tenant, '1' for the last call, how many of the others are forEach steps, these, slots
 * of steps and items.
 */
export const FORGET_RUN_SCRIPT = `
${SHARED}
local prefix, runId = partsOf(KEYS[1])
local each = tonumber(ARGV[3])
for at = 4, 3 + each do redis.call('UNLINK', prefix .. '.items:' .. runId .. ':' .. ARGV[at]) end
for at = 4 + each, #ARGV do
  redis.call('UNLINK', prefix .. '.val:' .. runId .. ':o:' .. ARGV[at])
  redis.call('ZREM', prefix .. '.dead', runId .. ' ' .. ARGV[at])
  redis.call('ZREM', prefix .. '.dead:' .. ARGV[1], runId .. ' ' .. ARGV[at])
end
if ARGV[2] ~= '1' then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HINCRBY', KEYS[2], 'refs', -1) <= 0 then redis.call('DEL', KEYS[2]) end
end
redis.call('UNLINK', KEYS[1], prefix .. '.parked:' .. runId, prefix .. '.width:' .. runId,
  prefix .. '.val:' .. runId .. ':input', prefix .. '.val:' .. runId .. ':output')
for _, set in ipairs({ '.runs', '.open', '.adding', '.tended', '.done:' .. ARGV[1], '.failed:' .. ARGV[1] }) do
  redis.call('ZREM', prefix .. set, runId)
end
return 1
`;

/**
 * Finds ended runs of tenants that are past their time or beyond the number to keep.
 *
 * KEYS: all runs. ARGV: prefix, those that are done and ended before this time, the same for failed ones, how many of each are
 * kept, how many of each kind and tenant are named, tenants.
 * Returns how many there are in all, then the oldest ones.
 */
export const EXPIRED_SCRIPT = `
local prefix, keep, limit = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local answer = { 0 }
for i = 6, #ARGV do
  for kind, before in pairs({ done = ARGV[2], failed = ARGV[3] }) do
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
`;

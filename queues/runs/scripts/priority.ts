import { FAIR } from "./fair.ts";
import { ADMISSION, SHARED } from "./shared.ts";

/**
 * Writes the priority of a run and gives it a tag of its new class: a more urgent one as if it came now,
 * if that is earlier; a less urgent one as much later as its weight is smaller, and behind its old class.
 *
 * KEYS: record. ARGV: priority. Returns the state of the run, or nil when there is no such run.
 */
export const PRIORITY_SCRIPT = `
${SHARED}${ADMISSION}${FAIR}
local head = redis.call('HMGET', KEYS[1], 'state', 'tenant', 'priority', 'tag', 'demand', 'workflow')
if not head[1] then return nil end
local prefix, runId = partsOf(KEYS[1])
local old, new, tag = tonumber(head[3] or '5'), tonumber(ARGV[1]), tonumber(head[4] or '0')
local facts = { tenant = head[2], workflow = head[6], priority = ARGV[1], demand = tonumber(head[5] or '0') }
if new > old then
  tag = math.min(tag, tonumber(tagFor(prefix, facts)))
elseif new < old then
  local class = 'f:' .. head[2] .. ' ' .. head[6] .. ' ' .. (head[3] or '5')
  local found = redis.call('HMGET', prefix .. '.fair', 'v', class)
  local v = tonumber(found[1] or '0')
  tag = math.max(v + math.max(0, tag - v) * old / new, tonumber(found[2] or '0') + 0.01)
end
redis.call('HSET', KEYS[1], 'priority', ARGV[1], 'tag', string.format('%.6f', tag))
if redis.call('ZSCORE', prefix .. '.waiting:' .. head[2], runId) then await(prefix, runId) end
return head[1]
`;

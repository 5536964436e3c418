import { ADMISSION, SHARED } from "./shared.ts";

/**
 * Writes the priority of a run. While it waits for its tenant's turn it takes the place among those of
 * its new priority that the time of its coming gives it.
 *
 * KEYS: record. ARGV: priority. Returns the state of the run, or nil when there is no such run.
 */
export const PRIORITY_SCRIPT = `
${SHARED}${ADMISSION}
local head = redis.call('HMGET', KEYS[1], 'state', 'tenant')
if not head[1] then return nil end
local prefix, runId = partsOf(KEYS[1])
redis.call('HSET', KEYS[1], 'priority', ARGV[1])
local score = redis.call('ZSCORE', prefix .. '.waiting:' .. head[2], runId)
if score then await(prefix, runId, tonumber(score) % CLASS) end
return head[1]
`;

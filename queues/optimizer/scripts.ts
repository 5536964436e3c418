import { SAMPLES_MAX, SAMPLES_TRIMMED } from "./sample.ts";

/**
 * Takes the lead, or keeps it: one process of a deployment samples. KEYS: who leads, what was remembered.
 * ARGV: who asks, for how long (ms). Returns what was remembered, '' when that is nothing; false when
 * another one leads.
 */
export const LEAD_SCRIPT = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('GET', KEYS[2]) or ''
`;

/**
 * Writes a sample. KEYS: who leads, what is remembered, samples, readings. ARGV: who writes, what to remember,
 * the sample or '', the last reading that is in it or ''. Returns the sample's id, '' without one; false when
 * another one leads meanwhile: then nothing is written.
 */
export const APPEND_SCRIPT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
redis.call('SET', KEYS[2], ARGV[2])
if ARGV[4] ~= '' then redis.call('XTRIM', KEYS[4], 'MINID', ARGV[4]) redis.call('XDEL', KEYS[4], ARGV[4]) end
if ARGV[3] == '' then return '' end
local id = redis.call('XADD', KEYS[3], '*', 's', ARGV[3])
if redis.call('XLEN', KEYS[3]) > ${SAMPLES_MAX} then redis.call('XTRIM', KEYS[3], 'MAXLEN', ${SAMPLES_TRIMMED}) end
return id
`;

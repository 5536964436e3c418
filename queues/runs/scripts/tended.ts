/** How far the kinds are from each other: more than any time in milliseconds. */
const KIND_SPAN = 10_000_000_000_000;

/**
 * Who looks after runs finds those that may need it in one index, so that runs which only wait for their turn cost
 * nothing. Its score is what a run is at, times {@link KIND_SPAN}, plus when it came there or was looked at last: those of
 * a kind come first that nobody has looked at for longest. Comes with SHARED.
 */
export const TENDED = `
-- It is being stopped or undone; it is at work; it is held, or all of it waits for somebody.
local STOPPING, AT_WORK, ASIDE, KINDS = 0, 1, 2, { 0, 1, 2 }
local KIND_SPAN = ${KIND_SPAN}
local function tend(prefix, runId, kind, now)
  redis.call('ZADD', prefix .. '.tended', digits(kind * KIND_SPAN + now), runId)
end
local function untend(prefix, runId) redis.call('ZREM', prefix .. '.tended', runId) end
`;

/**
 * Takes runs to look after, those first that were looked at longest ago. They are anybody's again with the next pass, so
 * that who dies over one keeps it from nobody.
 *
 * KEYS: the index. ARGV: runs that were looked at after this time are left alone, how many of each kind.
 * Returns their ids.
 */
export const takeTendedScript = (shared: string): string => `
${shared}
local before = tonumber(ARGV[1])
-- Later than the pass began, or it would take them again.
local now = math.max(clock(), before + 1)
local taken = {}
for _, kind in ipairs(KINDS) do
  local from = kind * KIND_SPAN
  for _, runId in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], digits(from), digits(from + before), 'LIMIT', 0, ARGV[2])) do
    redis.call('ZADD', KEYS[1], 'XX', digits(from + now), runId)
    taken[#taken + 1] = runId
  end
end
return taken
`;

/**
 * Puts open runs into the indexes that miss them: an older version wrote none, or somebody deleted a key.
 *
 * KEYS: none. ARGV: prefix, ids of runs. Returns how many were missing.
 */
export const findOpenScript = (shared: string): string => `
${shared}
local prefix, now = ARGV[1], clock()
local found = 0
for i = 2, #ARGV do
  local runId = ARGV[i]
  -- A record that cannot be read keeps the others from nothing.
  local facts = redis.pcall('HMGET', prefix .. '.run:' .. runId, 'state', 'admittedAt', 'tenant', 'serial')
  local state = facts[1]
  if state == 'queued' and not facts[2] then
    local waits = redis.call('ZSCORE', prefix .. '.waiting:' .. facts[3], runId)
    if waits then
      found = found + redis.call('SADD', prefix .. '.lines', facts[3])
    elseif not facts[4] or redis.call('HGET', prefix .. '.serial', facts[4]) == runId then
      await(prefix, runId, now)
      found = found + 1
    end
  elseif state and not ENDED[state] and redis.call('ZSCORE', prefix .. '.waiting:' .. facts[3], runId) then
    -- It gave its place and waits for one again.
    found = found + redis.call('SADD', prefix .. '.lines', facts[3])
  elseif state and not ENDED[state] and not redis.call('ZSCORE', prefix .. '.tended', runId) then
    local kind = AT_WORK
    if state == 'cancelling' or state == 'compensating' then kind = STOPPING end
    if state == 'parked' or state == 'paused' then kind = ASIDE end
    tend(prefix, runId, kind, 0)
    found = found + 1
  end
end
return found
`;

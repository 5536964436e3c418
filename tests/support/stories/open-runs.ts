import type { Redis } from "ioredis";

/** Copies made by one script call. */
const CHUNK = 2_000;

/**
 * Copies of a run that waits for its turn, or of one that is parked with the job of its only step, as fast as Redis
 * can: a million of them would take an hour to submit.
 *
 * ARGV: prefix, run, name of the copies, from, to, tenant, where it waits ('waiting', or the id of its job without the run).
 */
const COPY_SCRIPT = `
local prefix, run = ARGV[1], ARGV[2]
local open = redis.call('ZSCORE', prefix .. '.open', run)
local function like(set, id) redis.call('ZADD', set, redis.call('ZSCORE', set, run), id) end
for i = tonumber(ARGV[4]), tonumber(ARGV[5]) do
  local id = ARGV[3] .. string.format('%.0f', i)
  redis.call('COPY', prefix .. '.run:' .. run, prefix .. '.run:' .. id)
  like(prefix .. '.runs', id)
  redis.call('ZADD', prefix .. '.open', open, id)
  redis.call('HINCRBY', prefix .. '.def:' .. redis.call('HGET', prefix .. '.run:' .. run, 'def'), 'refs', 1)
  if ARGV[7] == 'waiting' then
    like(prefix .. '.waiting:' .. ARGV[6], id)
  else
    like(prefix .. '.tended', id)
    local queue = prefix .. ':tutti.wait:'
    local job, copy = string.gsub(ARGV[7], 'RUN', run), string.gsub(ARGV[7], 'RUN', id)
    redis.call('COPY', queue .. job, queue .. copy)
    redis.call('ZADD', queue .. 'delayed', redis.call('ZSCORE', queue .. 'delayed', job), copy)
  end
end
`;

/** Makes `count` copies of an open run; see {@link COPY_SCRIPT}. */
export async function copyOpen(
  redis: Redis,
  prefix: string,
  run: string,
  { count, name, job }: { readonly count: number; readonly name: string; readonly job?: string },
): Promise<void> {
  const tenant = (await redis.hget(`${prefix}.run:${run}`, "tenant"))!;
  for (let from = 1; from <= count; from += CHUNK) {
    const to = Math.min(count, from + CHUNK - 1);
    const where = job ?? "waiting";
    await redis.eval(COPY_SCRIPT, 0, prefix, run, name, from, to, tenant, where);
  }
}

/** Counts what a connection sends. */
export async function commandsOf(redis: Redis, work: () => Promise<unknown>): Promise<number> {
  const send = redis.sendCommand.bind(redis);
  let count = 0;
  redis.sendCommand = (...args) => {
    count++;
    return send(...args);
  };
  try {
    await work();
  } finally {
    redis.sendCommand = send;
  }
  return count;
}

/** Copies of a run that has ended, with its jobs. ARGV: prefix, run, name of the copies, from, to, keys of its jobs. */
const COPY_ENDED_SCRIPT = `
local prefix, run = ARGV[1], ARGV[2]
local tenant = redis.call('HGET', prefix .. '.run:' .. run, 'tenant')
for i = tonumber(ARGV[4]), tonumber(ARGV[5]) do
  local id = ARGV[3] .. string.format('%.0f', i)
  redis.call('COPY', prefix .. '.run:' .. run, prefix .. '.run:' .. id)
  for _, set in ipairs({ '.runs', '.done:' .. tenant }) do
    redis.call('ZADD', prefix .. set, redis.call('ZSCORE', prefix .. set, run), id)
  end
  redis.call('HINCRBY', prefix .. '.def:' .. redis.call('HGET', prefix .. '.run:' .. run, 'def'), 'refs', 1)
  for at = 6, #ARGV do
    local key = string.gsub(ARGV[at], run, id)
    redis.call('COPY', ARGV[at], key)
    local queue, job, copy = string.match(ARGV[at], '^(.*:)(.*)$'), string.match(ARGV[at], '([^:]*)$'), string.match(key, '([^:]*)$')
    redis.call('ZADD', queue .. 'completed', redis.call('ZSCORE', queue .. 'completed', job) or 0, copy)
  end
end
`;

/** Makes `count` copies of a run that has completed, with the jobs that it left. */
export async function copyEnded(
  redis: Redis,
  prefix: string,
  run: string,
  { count, name }: { readonly count: number; readonly name: string },
): Promise<void> {
  const keys = await redis.keys(`${prefix}:*${run}*`);
  const jobs = keys.filter(
    (key) =>
      /:[^:]*\.[^:]*$/.test(key.slice(prefix.length)) &&
      !/:(dependencies|processed|lock|failed|unsuccessful)$/.test(key),
  );
  for (let from = 1; from <= count; from += CHUNK) {
    const to = Math.min(count, from + CHUNK - 1);
    await redis.eval(COPY_ENDED_SCRIPT, 0, prefix, run, name, from, to, ...jobs);
  }
}

import type { Redis } from "ioredis";

/**
 * True use, counted by those who use: processors say when they begin and end, and Redis keeps, for
 * each machine and resource, how much is used now, the most that was, and the integral over time at its
 * own clock. Nothing of the gate is asked.
 *
 * KEYS: the machine's meter. ARGV: "begin", "end" or "read", then resource and millionths, in turns.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local sign = ({ begin = 1, ['end'] = -1, read = 0 })[ARGV[1]]
if ARGV[1] == 'end' then redis.call('HINCRBY', KEYS[1], 'finished', 1) end
for i = 2, #ARGV, 2 do
  local name = ARGV[i]
  local values = redis.call('HMGET', KEYS[1], name .. ':now', name .. ':most', name .. ':since', name .. ':area')
  local used = tonumber(values[1] or 0)
  local area = tonumber(values[4] or 0) + used / 1000000 * (now - tonumber(values[3] or now)) / 1000
  used = used + sign * ARGV[i + 1]
  redis.call('HSET', KEYS[1], name .. ':now', string.format('%.0f', used), name .. ':since', string.format('%.0f', now),
    name .. ':area', string.format('%.6f', area), name .. ':most', string.format('%.0f', math.max(used, tonumber(values[2] or 0))))
end
local all = redis.call('HGETALL', KEYS[1])
all[#all + 1] = 'time'
all[#all + 1] = string.format('%.3f', now / 1000)
if ARGV[1] == 'read' then return all end
return {}
`;

/** Resources that the bench's tools use. */
const RESOURCES = ["cpu", "memory", "network"] as const;

export interface Reading {
  /** Redis' clock. Milliseconds. */
  readonly timeMs: number;
  readonly finished: number;
  /** The most that was ever used at once of any resource, as a share of the machine. */
  readonly maxUse: number;
  /** Per resource: shares of the machine times milliseconds. */
  readonly areas: Readonly<Record<string, number>>;
}

/** The meter of one machine. */
export class Meter {
  readonly #redis: Redis;
  readonly #key: string;

  constructor(redis: Redis, prefix: string, machine: string) {
    this.#redis = redis;
    this.#key = `${prefix}.bench:${machine}`;
  }

  async begin(needs: Readonly<Record<string, number>>): Promise<void> {
    await this.#redis.eval(SCRIPT, 1, this.#key, "begin", ...Object.entries(needs).flat());
  }

  async end(needs: Readonly<Record<string, number>>): Promise<void> {
    await this.#redis.eval(SCRIPT, 1, this.#key, "end", ...Object.entries(needs).flat());
  }

  async read(): Promise<Reading> {
    const pairs = RESOURCES.flatMap((name) => [name, 0]);
    const all = (await this.#redis.eval(SCRIPT, 1, this.#key, "read", ...pairs)) as string[];
    const fields = new Map<string, number>();
    for (let at = 0; at < all.length; at += 2) fields.set(all[at]!, Number(all[at + 1]));
    return {
      timeMs: fields.get("time")!,
      finished: fields.get("finished") ?? 0,
      maxUse: Math.max(...RESOURCES.map((name) => fields.get(`${name}:most`) ?? 0)) / 1_000_000,
      areas: Object.fromEntries(RESOURCES.map((name) => [name, fields.get(`${name}:area`) ?? 0])),
    };
  }
}

/** Mean use of the resource that was used most between two readings. */
export function bindingUse(from: Reading, to: Reading): number {
  const ms = to.timeMs - from.timeMs;
  return Math.max(...RESOURCES.map((name) => (to.areas[name]! - from.areas[name]!) / ms));
}

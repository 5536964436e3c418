import { createRedisBackend, type BackendFactory, type RedisQueueBackend } from "bullmq";
import type { Redis } from "ioredis";

/**
 * Index of the argument with the current time in BullMQ's scripts, by script name. BullMQ passes the caller's time. A
 * caller with a wrong clock would keep delayed jobs waiting for hours, or start them at once.
 */
const NOW_ARGUMENT: Readonly<Record<string, number>> = {
  addJobScheduler: 7,
  changeDelay: 2,
  moveStalledJobsToWait: 3,
  moveToActive: 2,
  moveToDelayed: 2,
  moveToFinished: 2,
  retryJob: 2,
  updateJobScheduler: 5,
};

/** Makes a BullMQ script use Redis' clock instead of its caller's. Other scripts stay as they are. */
export function byRedisClock(name: string, lua: string): string {
  const [script = "", version] = name.split(":");
  const argument = version === undefined ? undefined : NOW_ARGUMENT[script];
  if (argument === undefined) return lua;
  return `do
  local time = redis.call('TIME')
  ARGV[${argument}] = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end
${lua}`;
}

/** Scripts that return a job, and as their last value when the next delayed one is due. */
const FETCHING: ReadonlySet<string> = new Set(["moveToActive", "moveToDelayed", "moveToFinished"]);

/**
 * Wraps a backend so that its worker gets times of its own clock. BullMQ's worker compares them with that clock. If it
 * were wrong, the worker would ask all the time or not at all.
 */
function byOwnClock(backend: RedisQueueBackend, clock: RedisClock): RedisQueueBackend {
  const run = backend.execCommand.bind(backend);
  backend.execCommand = async (client, command, args) => {
    const answer: unknown = await run(client, command, args);
    if (!FETCHING.has(command) || !Array.isArray(answer)) return answer;
    const [job, id, limitMs, dueAtMs] = answer as unknown[];
    return [
      job,
      id,
      limitMs,
      typeof dueAtMs === "number" && dueAtMs > 0 ? dueAtMs - clock.aheadMs : dueAtMs,
    ];
  };
  const wait = backend.waitForJob.bind(backend);
  backend.waitForJob = async (timeoutS) => {
    const marker = await wait(timeoutS);
    return marker !== null && marker.score > 0
      ? { ...marker, score: marker.score - clock.aheadMs }
      : marker;
  };
  return backend;
}

/** How far Redis' clock is ahead of this process's. */
export class RedisClock {
  #aheadMs = 0;
  readonly #base: BackendFactory<RedisQueueBackend>;

  /** @param base makes workers' backends. Default: BullMQ. */
  constructor(base: BackendFactory<RedisQueueBackend> = createRedisBackend) {
    this.#base = base;
  }

  /** Milliseconds; negative if Redis' clock is behind. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  /** The backend of workers that use this clock. */
  readonly backend: BackendFactory<RedisQueueBackend> = (name, options, more) =>
    byOwnClock(this.#base(name, options, more), this);

  /** Asks Redis. A difference that the round trip may explain does not count. */
  async measure(redis: Redis): Promise<void> {
    const before = Date.now();
    const [seconds, micros] = await redis.time();
    const after = Date.now();
    const redisMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
    this.#aheadMs = Math.round(Math.max(0, redisMs - after) - Math.max(0, before - redisMs));
  }
}

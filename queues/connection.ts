import { Redis } from "ioredis";

import { messageOf, REDIS_DEADLINE_MS, TuttiError } from "../config/index.ts";

/**
 * A connection for workers: it waits for Redis as long as it takes, because a worker that gives up
 * loses its jobs' locks.
 */
export function openPatient(url: string): Redis {
  return watched(new Redis(url, { maxRetriesPerRequest: null, retryStrategy: backOff }));
}

/** A connection for submitters: commands fail soon when Redis is away. */
export function openImpatient(url: string): Redis {
  return watched(
    new Redis(url, {
      maxRetriesPerRequest: 2,
      connectTimeout: REDIS_DEADLINE_MS,
      retryStrategy: backOff,
    }),
  );
}

const backOff = (attempt: number): number => Math.min(attempt * 100, 2_000);

/** ioredis ends the process on an `error` event nobody hears; the commands themselves report the trouble. */
function watched(redis: Redis): Redis {
  return redis.on("error", () => {});
}

/**
 * Waits for Redis no longer than `deadlineMs`.
 *
 * @throws TuttiError `redis_unavailable`.
 */
export async function withinDeadline<T>(
  work: Promise<T>,
  deadlineMs: number = REDIS_DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () =>
        reject(new TuttiError("redis_unavailable", `Redis did not answer within ${deadlineMs} ms`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } catch (thrown) {
    throw isConnectionTrouble(thrown)
      ? new TuttiError("redis_unavailable", `Redis is not reachable: ${messageOf(thrown)}`, {
          cause: thrown,
        })
      : thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether work is done within a time; it is not waited for any longer. Milliseconds. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([
      work.then(
        () => true,
        () => false,
      ),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether `thrown` says that Redis is away, rather than that it refused a command. */
export function isConnectionTrouble(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return (
    thrown.name === "MaxRetriesPerRequestError" ||
    /ECONNREFUSED|ECONNRESET|ENOTFOUND|ETIMEDOUT|EPIPE|Connection is closed|Command aborted due to connection close|Stream isn't writeable|LOADING/.test(
      thrown.message,
    )
  );
}

import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";

import type { Redis } from "ioredis";

import { REDIS_DEADLINE_MS, TuttiError } from "../../config/index.ts";
import { answersOf } from "./open.ts";
import { unavailable } from "./trouble.ts";

/**
 * Time is counted in pieces of at most this length. A process that was busy, or got too little of the machine, is late
 * for a piece: it could not have read an answer meanwhile. Milliseconds.
 */
const PIECE_MS = 100;

/**
 * Resolves after `ms` in which this process could have read an answer and none came; never once `done` is aborted.
 *
 * @param answers grows with every answer, which restarts the time.
 */
export async function silence(
  ms: number,
  done: AbortSignal,
  answers: () => number = () => 0,
): Promise<void> {
  let leftMs = ms;
  let before = answers();
  while (leftMs > 0) {
    const pieceMs = Math.min(leftMs, PIECE_MS);
    await pause(pieceMs, undefined, { signal: done }).catch(() => {});
    if (done.aborted) return new Promise<never>(() => {});
    // Answers that came while this process was busy are in the socket. The next turn of the loop reads them.
    await turn();
    const now = answers();
    leftMs = now === before ? leftMs - pieceMs : ms;
    before = now;
  }
}

/**
 * Does work on a connection, unless Redis is silent for `deadlineMs`. Every answer restarts the time, so large work may
 * take longer. Time in which this process could not have read an answer does not count.
 *
 * @throws TuttiError `redis_unavailable`, also if Redis is not reachable or cannot work now.
 */
export async function withinDeadline<T>(
  work: Promise<T>,
  redis: Redis,
  deadlineMs: number = REDIS_DEADLINE_MS,
): Promise<T> {
  const done = new AbortController();
  const late = async (): Promise<never> => {
    await silence(deadlineMs, done.signal, () => answersOf(redis));
    const message = `Redis did not answer within ${deadlineMs} ms (redisDeadlineMs, TUTTI_REDIS_DEADLINE_MS)`;
    throw new TuttiError("redis_unavailable", message);
  };
  try {
    return await Promise.race([work, late()]);
  } catch (thrown) {
    throw unavailable(thrown);
  } finally {
    done.abort();
  }
}

/** Whether work settles within a time. Does not wait any longer. Milliseconds. */
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

import { randomUUID } from "node:crypto";
import { link, rm, stat, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import { TuttiError } from "../../config/index.ts";
import { readJson } from "./folder.ts";
import { isAlive, isProcessMark, ownMark } from "./process-identity.ts";

/** How often a waiting process checks the lock. Milliseconds. */
const POLL_MS = 20;
/** Longest wait. Long enough for the holder to download a server. Milliseconds. */
const WAIT_MS = 240_000;

/** After this time, unreadable content is not just being written. Milliseconds. */
const UNREADABLE_MS = 2_000;

/** Takes the lock and writes its content atomically. */
async function take(path: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(await ownMark()), { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * A file that is not a process's lock belongs to nobody, unless it is just being written. Tutti's own are complete at
 * once.
 */
async function isStale(path: string): Promise<boolean> {
  const mark = await readJson(path);
  if (isProcessMark(mark)) return !(await isAlive(mark));
  try {
    return Date.now() - (await stat(path)).mtimeMs > UNREADABLE_MS;
  } catch {
    // It is gone.
    return false;
  }
}

/**
 * Removes the lock of a dead process. Only one of several that see it may do so; otherwise a slower process would
 * remove the lock that a faster one has just taken.
 */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.steal`;
  if (!(await take(guard))) {
    if (await isStale(guard)) await rm(guard, { force: true });
    return;
  }
  if (await isStale(path)) await rm(path, { force: true });
  await rm(guard, { force: true });
}

/**
 * Does the work while no other process of this machine works under the same lock file. Takes over the lock of a process
 * that died.
 *
 * @param signal stops the waiting, with its reason.
 * @throws TuttiError `redis_unavailable` if the lock is not free within four minutes.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + WAIT_MS;
  // Each attempt needs the result of the one before it.
  while (!(await take(path))) {
    if (await isStale(path)) await removeStale(path);
    else if (Date.now() > deadline) {
      throw new TuttiError("redis_unavailable", `another process holds ${path} and does not end`);
    } else await pause(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

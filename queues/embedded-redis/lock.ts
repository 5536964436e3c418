import { randomUUID } from "node:crypto";
import { link, rm, stat, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import { TuttiError } from "../../config/index.ts";
import { readJson } from "./folder.ts";
import { isAlive, isProcessMark, ownMark } from "./process-identity.ts";

/** How often a waiting process looks whether the lock is free. Milliseconds. */
const POLL_MS = 20;
/** Longest wait. Long enough for the holder to download a server. Milliseconds. */
const WAIT_MS = 240_000;

/** Content that cannot be read for so long is not being written. Milliseconds. */
const UNREADABLE_MS = 2_000;

/** Takes the lock in one step, together with its content. */
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

/** What is no lock of a process is nobody's, unless somebody is just writing it: our own are there at once. */
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
 * Removes the lock of a dead process. Of several that see it, one may: otherwise the slower one
 * would remove the lock that the faster one has just taken.
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
 * Does the work while no other process of this machine does work under the same lock file. The lock
 * of a process that died is taken over.
 *
 * @param signal ends the waiting, with its reason.
 * @throws TuttiError `redis_unavailable` when the lock is not free within four minutes.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + WAIT_MS;
  // Each turn needs the one before it.
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

/** What a crash takes of what was acknowledged. */
import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { isTuttiError, type ToolRegistry } from "../../../config/index.ts";
import { Tutti } from "../../../src/index.ts";
import { OwnRedis, type AppendFsync } from "../servers/own-redis.ts";

/** How a server ends: killed, or together with its machine, which forgets what was not synced. */
export type Crash = "process" | "machine";

export interface LossReport {
  readonly keeps: AppendFsync;
  readonly crash: Crash;
  readonly acknowledged: number;
  readonly lost: number;
  /** How long before the crash the oldest lost run was acknowledged. Milliseconds; 0: none was lost. */
  readonly windowMs: number;
}

/** Redis syncs in the background once a second; what is older than that has been synced. Milliseconds. */
const SYNC_MS = 1_000;
/** How often the size of the append-only file is looked at. Milliseconds. */
const LOOK_MS = 5;

/**
 * Submits runs one after another for a while, ends the server in the midst of it, starts it on what is
 * left, and looks for the acknowledged runs.
 *
 * A machine that dies is played: `everysec` promises that what was written a second ago is on the disk, so
 * the file is cut to the size it had then. With `always` everything is on the disk before it is answered.
 */
export async function lossOf(
  keeps: AppendFsync,
  crash: Crash,
  { forMs, registry, document }: { forMs: number; registry: ToolRegistry; document: object },
): Promise<LossReport> {
  await using server = await OwnRedis.open({ keeps });
  await using tutti = new Tutti({ redisUrl: server.url, registry, redisDeadlineMs: 1_000 });
  const plan = tutti.prepare(document);
  const acknowledged = new Map<string, number>();
  const sizes: { readonly at: number; readonly bytes: number }[] = [];
  const look = setInterval(() => {
    sizes.push({ at: performance.now(), bytes: statSync(logOf(server)).size });
  }, LOOK_MS);
  const over = new AbortController();
  const submitting = (async () => {
    for (let index = 0; !over.signal.aborted; index++) {
      try {
        const { runId } = await tutti.submit(plan, { runId: `r${index}` });
        acknowledged.set(runId, performance.now());
      } catch (thrown) {
        if (!isTuttiError(thrown) || thrown.code !== "redis_unavailable") throw thrown;
        return;
      }
    }
  })();
  await pause(forMs);
  const diedAt = performance.now();
  over.abort();
  await server.stop();
  clearInterval(look);
  await submitting;
  if (crash === "machine" && keeps === "everysec") {
    const synced = sizes.findLast(({ at }) => at <= diedAt - SYNC_MS);
    truncateSync(logOf(server), synced?.bytes ?? 0);
  }
  await server.start();
  await using after = new Tutti({ redisUrl: server.url, registry });
  const lost: number[] = [];
  for (const [runId, at] of acknowledged) {
    try {
      await after.get(runId);
    } catch (thrown) {
      if (!isTuttiError(thrown) || thrown.code !== "run_not_found") throw thrown;
      lost.push(diedAt - at);
    }
  }
  return {
    keeps,
    crash,
    acknowledged: acknowledged.size,
    lost: lost.length,
    windowMs: Math.round(Math.max(0, ...lost)),
  };
}

/** The file that Redis appends to. */
function logOf({ folder }: OwnRedis): string {
  const logs = join(folder, "appendonlydir");
  return join(
    logs,
    readdirSync(logs).find((name) => name.endsWith(".incr.aof"))!,
  );
}

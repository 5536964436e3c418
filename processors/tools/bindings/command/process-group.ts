import { homedir } from "node:os";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { pids, processOf } from "./descendants.ts";

/** How long processes may take to end after SIGTERM. Milliseconds. */
const KILL_GRACE_MS = 1_000;
const CHECK_MS = 10;
/** After SIGKILL only the kernel can be late. Milliseconds. */
const REAP_MS = 500;

/** Signals a whole group. False when none of it is left. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left. EPERM: macOS says so for groups of zombies.
    return false;
  }
}

/**
 * Whether somebody of a group runs. A signal reaches zombies too, and in containers whose first
 * process does not reap there are zombies for ever, so on Linux the process table decides.
 */
function runs(group: number): boolean {
  if (!signalGroup(group, 0)) return false;
  if (process.platform !== "linux") return true;
  return pids().some((pid) => processOf(pid)?.group === group);
}

/** Waits until something does not run any more; whether it came to that. */
async function isOver(isRunning: () => boolean, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (isRunning()) {
    if (performance.now() > until) return false;
    await delay(CHECK_MS);
  }
  return true;
}

/** Ends processes: SIGTERM, and SIGKILL for what is left after a second. `signal` says whether somebody was left. */
export async function endWith(
  signal: (name: NodeJS.Signals) => boolean,
  isRunning: () => boolean,
): Promise<void> {
  if (!signal("SIGTERM") || (await isOver(isRunning, KILL_GRACE_MS))) return;
  signal("SIGKILL");
  await isOver(isRunning, REAP_MS);
}

/** Ends every process of a group. */
export function endGroup(pid: number): Promise<void> {
  return endWith(
    (signal) => signalGroup(pid, signal),
    () => runs(pid),
  );
}

/** The variables that processes of tools inherit; all others are kept from them. */
export interface BaseEnvironment {
  readonly PATH: string;
  readonly HOME: string;
  readonly LANG: string;
}

/** PATH, HOME and LANG out of an environment, with usual values for those that are not set. */
export function baseEnvironment(
  env: Readonly<Record<string, string | undefined>> = {},
): BaseEnvironment {
  return {
    PATH: env["PATH"] ?? `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    HOME: env["HOME"] ?? homedir(),
    LANG: env["LANG"] ?? "C.UTF-8",
  };
}

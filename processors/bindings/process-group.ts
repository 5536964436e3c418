import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** How long processes may take to end after SIGTERM. Milliseconds. */
const KILL_GRACE_MS = 1_000;
const CHECK_MS = 10;
/** After SIGKILL only the kernel can be late. Milliseconds. */
const REAP_MS = 500;

/** Groups of this process that may still run. */
const running = new Set<number>();

/** Signals a whole group. False when none of it is left. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
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
  return readdirSync("/proc").some((name) => /^\d+$/.test(name) && isMember(name, group));
}

function isMember(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // "pid (name) state parent group ..."; the name may hold anything, brackets too.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(pgrp) === group && state !== "Z" && state !== "X";
  } catch {
    // It ended meanwhile.
    return false;
  }
}

async function isGone(pid: number, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (runs(pid)) {
    if (performance.now() > until) return false;
    // oxlint-disable-next-line no-await-in-loop -- it waits for one thing, again and again
    await delay(CHECK_MS);
  }
  return true;
}

// A detached group outlives its parent; when this process ends in order, it takes them along.
function onExit(): void {
  for (const pid of running) signalGroup(pid, "SIGKILL");
}

/** Remembers the group of a detached child process until {@link endGroup}. */
export function adoptGroup(pid: number): void {
  if (running.size === 0) process.once("exit", onExit);
  running.add(pid);
}

/** Ends every process of a group: SIGTERM, and SIGKILL for what is left after a second. */
export async function endGroup(pid: number): Promise<void> {
  if (signalGroup(pid, "SIGTERM") && !(await isGone(pid, KILL_GRACE_MS))) {
    signalGroup(pid, "SIGKILL");
    await isGone(pid, REAP_MS);
  }
  running.delete(pid);
  if (running.size === 0) process.removeListener("exit", onExit);
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

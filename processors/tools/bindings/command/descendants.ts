import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";

import { CALL_VARIABLE } from "../../../../config/index.ts";

/** One process, as the process table has it. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** When it began, in ticks of the kernel: what tells it from a later one with the same pid. */
  readonly start: number;
}

/** A process that was started for a call, whose descendants are looked for. */
export interface Root extends Process {
  /** Stands in the environment of all its descendants that keep theirs. */
  readonly mark: string;
  /** When it was started, by the clock of `performance`. Milliseconds. */
  readonly startedMs: number;
}

/** How often a process is asked whose environment is empty, and how long after the look before. Milliseconds. */
const MAX_LOOKS = 10;
const LOOK_MS = 2;
/** The parent of all threads of the kernel, which never have an environment. */
const KERNEL_THREADS = 2;
/** No machine starts more processes and threads. */
const MAX_PIDS_PER_MS = 100;
/** How long others wait for the loop while the table is read. Milliseconds. */
const TURN_MS = 5;

/** What of a process that runs stands in the table; undefined for one that has ended, also when nobody took note yet. */
export function processOf(pid: number): Process | undefined {
  return entryOf(pid, "running");
}

/** What stands in the table of a process that was just started; it may have ended, but its pid is its own until then. */
export function justStarted(pid: number): Process | undefined {
  return entryOf(pid, "any");
}

function entryOf(pid: number, which: "running" | "any"): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // "pid (name) state parent group session ..."; the name may hold anything, brackets too.
    const [state, ...numbers] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (which === "running" && (state === "Z" || state === "X")) return undefined;
    const [parent = 0, group = 0, session = 0] = numbers.map(Number);
    return { pid, parent, group, session, start: Number(numbers[18]) };
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

/** The mark that a process inherited, if it did and may be asked; null while it has no environment at all. */
function markOf(pid: number): string | null | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
    if (environment === "") return null;
    return new RegExp(`(?:^|\\0)${CALL_VARIABLE}=([^\\0]*)`).exec(environment)?.[1];
  } catch {
    // It is another user's, or has ended.
    return undefined;
  }
}

/** Pids of all processes that this one can see. */
export const pids = (): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid);

/** The pid that was given away last, on this machine or in this container. */
function lastPid(): number | undefined {
  try {
    return Number(readFileSync("/proc/loadavg", "latin1").trim().split(" ").at(-1));
  } catch {
    return undefined;
  }
}

let highestPid: number | undefined;

/** Where the circle of pids ends. */
function maxPid(): number {
  try {
    highestPid ??= Number(readFileSync("/proc/sys/kernel/pid_max", "latin1"));
  } catch {
    highestPid = 0;
  }
  return highestPid;
}

/**
 * Whether a pid may have been given away since a root was started. Pids are given away in a circle, so those in between
 * are the ones, as long as it cannot have been gone round once more.
 */
function isLater(pid: number, root: Root, newest: number | undefined): boolean {
  const ageMs = performance.now() - root.startedMs;
  if (newest === undefined || ageMs * MAX_PIDS_PER_MS > maxPid()) return true;
  return root.pid <= newest ? pid >= root.pid && pid <= newest : pid >= root.pid || pid <= newest;
}

interface Seen extends Process {
  mark: string | null | undefined;
}

/** Only what is as young as the root can descend from it; nothing else is asked for its mark. */
function seen(pid: number, since: number): Seen[] {
  const one = processOf(pid);
  return one === undefined || one.start < since ? [] : [{ ...one, mark: markOf(pid) }];
}

/** All who carry the mark, are in the session or the group of one of them, or were started by one. */
function descendants(table: readonly Seen[], root: Root): Process[] {
  // Once its pid is another's, nobody is left in its group and session.
  const isReused = table.some(({ pid, start }) => pid === root.pid && start !== root.start);
  const known = new Set<number>(isReused ? [] : [root.pid]);
  const found = new Set<Seen>();
  for (let before = -1; before < found.size;) {
    before = found.size;
    for (const one of table) {
      if (found.has(one) || one.start < root.start) continue;
      const belongs =
        one.mark === root.mark ||
        [one.pid, one.parent, one.session, one.group].some((pid) => known.has(pid));
      if (!belongs) continue;
      found.add(one);
      known.add(one.pid);
    }
  }
  return [...found];
}

/** While it turns into another program a process has no environment for a moment, on a busy machine for a while. */
async function askAgain(table: readonly Seen[]): Promise<void> {
  let unknown = table.filter(({ mark, parent }) => mark === null && parent !== KERNEL_THREADS);
  for (let look = 0; look < MAX_LOOKS && unknown.length > 0; look++) {
    await delay(LOOK_MS);
    for (const one of unknown) one.mark = isRunning(one) ? markOf(one.pid) : undefined;
    unknown = unknown.filter(({ mark }) => mark === null);
  }
}

interface Waiting {
  readonly root: Root;
  readonly tell: (found: readonly Process[]) => void;
}

let waiting: Waiting[] = [];
let reading = false;

/** Reads the table, a few milliseconds at a time, once for all who asked before it began. */
async function read(): Promise<void> {
  reading = true;
  while (waiting.length > 0) {
    const asked = waiting;
    waiting = [];
    const since = Math.min(...asked.map(({ root }) => root.start));
    const table: Seen[] = [];
    let beganMs = performance.now();
    const newest = lastPid();
    const later = pids().filter((pid) => asked.some(({ root }) => isLater(pid, root, newest)));
    for (const pid of later) {
      table.push(...seen(pid, since));
      if (performance.now() - beganMs < TURN_MS) continue;
      await nextTurn();
      beganMs = performance.now();
    }
    await askAgain(table);
    for (const { root, tell } of asked) tell(descendants(table, root));
  }
  reading = false;
}

/**
 * Those that run of what a process has started, directly or not, with itself. Only Linux tells; a process that dropped
 * or overwrote its environment is found as long as one of its ancestors or of its session is.
 */
export async function descendantsOf(root: Root): Promise<readonly Process[]> {
  // Most commands start nothing, and where nothing was started since there is nobody to look for.
  if (lastPid() === root.pid) return processOf(root.pid) === undefined ? [] : [root];
  return new Promise((tell) => {
    waiting.push({ root, tell });
    if (!reading) void read();
  });
}

/** The same of several at once, for when this process is about to end. */
export function descendantsNow(roots: readonly Root[]): readonly Process[] {
  const since = Math.min(...roots.map(({ start }) => start));
  const table = pids().flatMap((pid) => seen(pid, since));
  return roots.flatMap((root) => descendants(table, root));
}

/** Whether a process runs, and its pid is not another's by now. */
export const isRunning = ({ pid, start }: Process): boolean => processOf(pid)?.start === start;

/** Signals a process; false when it does not run any more. */
export function signalProcess(one: Process, signal: NodeJS.Signals): boolean {
  if (!isRunning(one)) return false;
  try {
    return process.kill(one.pid, signal);
  } catch {
    // It has ended, or became another user's.
    return false;
  }
}

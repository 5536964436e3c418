import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

import { CALL_VARIABLE } from "../../../../config/index.ts";
import { nothingElse } from "../../../../queues/worker.ts";
import {
  descendantsNow,
  descendantsOf,
  isRunning,
  justStarted,
  signalProcess,
  type Process,
  type Root,
} from "./descendants.ts";
import { endGroup, endWith, signalGroup } from "./process-group.ts";

/** Those who were started while others were ended are looked for so many times. */
const MAX_ROUNDS = 5;

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** A process of a tool, in a group of its own. */
export interface OwnProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the process itself has ended. */
  readonly exited: Promise<Exit>;
  /** Settles when nobody holds its pipes any more either. */
  readonly closed: Promise<void>;
  /** Ends it with all it has started; settles when they are gone. Only the first call does anything. */
  end(): Promise<void>;
}

interface Exit {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** By their pids; what is told from a later process is known on Linux only. */
const running = new Map<number, Root | undefined>();

// A group outlives its parent; when this process ends in order, it takes them along.
function onExit(): void {
  const roots = [...running.values()].filter((root) => root !== undefined);
  const away = roots.length > 0 ? descendantsNow(roots) : [];
  for (const pid of running.keys()) signalGroup(pid, "SIGKILL");
  for (const one of away) signalProcess(one, "SIGKILL");
}

function remember(pid: number, root: Root | undefined): void {
  if (running.size === 0) process.once("exit", onExit);
  running.set(pid, root);
}

function forget(pid: number): void {
  running.delete(pid);
  if (running.size === 0) process.removeListener("exit", onExit);
}

const endAll = (all: readonly Process[]): Promise<void> =>
  endWith(
    (signal) => all.filter((one) => signalProcess(one, signal)).length > 0,
    () => all.some(isRunning),
  );

async function endWithDescendants(pid: number, root: Root | undefined): Promise<void> {
  if (root === undefined) return endGroup(pid);
  let found = await descendantsOf(root);
  await Promise.all([endGroup(pid), endAll(found.filter(({ group }) => group !== pid))]);
  for (let round = 0; found.length > 0 && round < MAX_ROUNDS; round++) {
    found = await descendantsOf(root);
    for (const one of found) signalProcess(one, "SIGKILL");
  }
}

/**
 * Starts a binary without a shell, in a group and session of its own. It inherits three pipes, the environment that is
 * given and a mark in it, by which its descendants are known, wherever they go.
 *
 * @throws the error of `spawn` (ENOENT, EACCES, E2BIG ...).
 */
export async function startProcess({ command, args, cwd, env }: Command): Promise<OwnProcess> {
  const mark = randomUUID();
  const startedMs = performance.now();
  const child = spawn(command, args, {
    cwd,
    env: { ...env, [CALL_VARIABLE]: mark },
    detached: true,
    stdio: ["pipe", "pipe", "pipe", ...nothingElse()],
  });
  const { pid, stdin, stdout, stderr } = child;
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  if (pid === undefined || !stdin || !stdout || !stderr) {
    const [error]: unknown[] = await once(child, "error");
    throw error;
  }
  // A signal that could not be sent is no fault of the call.
  child.on("error", () => undefined);
  const self = process.platform === "linux" ? justStarted(pid) : undefined;
  const root = self === undefined ? undefined : { ...self, mark, startedMs };
  remember(pid, root);
  let ending: Promise<void> | undefined;
  const end = (): Promise<void> =>
    (ending ??= endWithDescendants(pid, root).finally(() => forget(pid)));
  return { stdin, stdout, stderr, exited, closed, end };
}

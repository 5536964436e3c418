import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { platform } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists but belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function startOnLinux(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name is in parentheses and may contain anything, even parentheses; the rest is plain.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat === "" || state === "Z" || state === "X" ? undefined : rest[18];
}

async function startByPs(pid: number): Promise<string | undefined> {
  const options = { env: { LC_ALL: "C", PATH: "/bin:/usr/bin" } };
  const { stdout } = await run(
    "ps",
    ["-o", "stat=", "-o", "lstart=", "-p", `${pid}`],
    options,
  ).catch(() => ({ stdout: "" }));
  const [, state = "Z", start] = /^\s*(\S)\S*\s+(.*\S)\s*$/.exec(stdout) ?? [];
  return state === "Z" ? undefined : start;
}

/**
 * Distinguishes a process from a later one with the same pid: its start time. `undefined` if it is gone (a zombie
 * counts as gone). On Windows only the pid is known.
 */
export async function identityOf(pid: number): Promise<string | undefined> {
  if (!answersSignals(pid)) return undefined;
  if (platform() === "linux") return startOnLinux(pid);
  return platform() === "win32" ? "alive" : startByPs(pid);
}

/** A process as recorded in files. */
export interface ProcessMark {
  readonly pid: number;
  readonly identity: string;
}

export async function ownMark(): Promise<ProcessMark> {
  return { pid: process.pid, identity: (await identityOf(process.pid)) ?? "alive" };
}

/** False for a dead process, and for a stranger that got its pid. */
export async function isAlive(mark: ProcessMark): Promise<boolean> {
  return (await identityOf(mark.pid)) === mark.identity;
}

export function isProcessMark(value: unknown): value is ProcessMark {
  return (
    typeof value === "object" &&
    value !== null &&
    "pid" in value &&
    typeof value.pid === "number" &&
    "identity" in value &&
    typeof value.identity === "string"
  );
}

import { startProcess, type Command } from "./own-process.ts";

export interface CommandRun extends Command {
  readonly stdin: string | undefined;
  readonly maxOutputBytes: number;
  readonly signal: AbortSignal;
}

export interface CommandResult {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly exitSignal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  /** The end of standard error. */
  readonly stderr: string;
  /** More than `maxOutputBytes` came; the command was ended. */
  readonly overflow: boolean;
}

/** Kept of standard error, and of the standard output of a command that failed: far more than is shown, see command.ts. Bytes. */
const TAIL_BYTES = 65_536;
/** How long a pipe may stay open after the group has ended, held by a process that left it. Milliseconds. */
const DRAIN_MS = 500;

/** Keeps the last bytes of a stream. */
class Tail {
  private bytes = Buffer.alloc(0);

  add(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]).subarray(-TAIL_BYTES);
  }

  toString(): string {
    return endOf(this.bytes);
  }
}

/** The end of what a command wrote, as an error keeps it. */
export function endOf(bytes: Buffer): string {
  return bytes.subarray(-TAIL_BYTES).toString("utf8").trim();
}

/**
 * Runs a binary in a process group of its own, without a shell. When it exits, is aborted or writes
 * too much, it is ended with all it has started before the promise settles.
 *
 * Not execa: its kill reaches the first process only, and its promise waits for pipes that
 * grandchildren hold.
 *
 * @throws the error of `spawn` (ENOENT, EACCES, E2BIG ...), or the signal's reason.
 */
export async function runCommand(run: CommandRun): Promise<CommandResult> {
  run.signal.throwIfAborted();
  const child = await startProcess(run);
  let overflow = false;
  let outputBytes = 0;
  const chunks: Buffer[] = [];
  const stderr = new Tail();
  const onAbort = (): void => void child.end();

  child.stdout.on("data", (chunk: Buffer) => {
    outputBytes += chunk.length;
    if (outputBytes <= run.maxOutputBytes) chunks.push(chunk);
    else if (!overflow) {
      overflow = true;
      void child.end();
    }
  });
  child.stderr.on("data", (chunk: Buffer) => stderr.add(chunk));
  for (const pipe of [child.stdin, child.stdout, child.stderr])
    // A command need not read its input; a pipe we destroyed may complain.
    pipe.on("error", () => undefined);
  child.stdin.end(run.stdin);
  run.signal.addEventListener("abort", onAbort, { once: true });
  if (run.signal.aborted) onAbort();
  try {
    const { code, signal } = await child.exited;
    // What the command left behind ends with it.
    await child.end();
    await drained(child.closed, () => {
      child.stdout.destroy();
      child.stderr.destroy();
    });
    run.signal.throwIfAborted();
    return {
      exitCode: code,
      exitSignal: signal,
      stdout: Buffer.concat(chunks),
      stderr: stderr.toString(),
      overflow,
    };
  } finally {
    run.signal.removeEventListener("abort", onAbort);
  }
}

/** Waits for the pipes' ends, but not for ever: a process that left the group may hold them open. */
async function drained(closed: Promise<void>, destroy: () => void): Promise<void> {
  const timer = setTimeout(destroy, DRAIN_MS);
  await closed;
  clearTimeout(timer);
}

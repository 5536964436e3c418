import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

import { inject } from "vitest";

/**
 * Worker processes of the crash tests. `deaths` is how probable it is that a tool call kills its worker,
 * twice: before its effect and after.
 */
export function crashFleet(size: number, redisUrl: string, prefix: string, deaths: number): Fleet {
  return new Fleet(size, "tests/support/fleets/programs/crash-program.mjs", [
    redisUrl,
    prefix,
    String(deaths),
  ]);
}

/** Processes of one program: whoever dies is replaced, until the fleet is closed. */
export class Fleet implements AsyncDisposable {
  /** Processes that were killed by {@link kill}, and all that ended. */
  kills = 0;
  deaths = 0;
  /** Processes that nobody killed, and what they said last. */
  readonly accidents: string[] = [];
  readonly #arguments: string[];
  readonly #children = new Set<ChildProcess>();
  #closed = false;

  /** The program is told where the compiled project is, then `rest`. What it says on standard error is shown. */
  constructor(size: number, program: string, rest: readonly string[]) {
    this.#arguments = [resolve(program), inject("builtFolder"), ...rest];
    for (let index = 0; index < size; index++) this.#start();
  }

  /** SIGKILLs one of the processes. */
  kill(random: () => number): void {
    const all = [...this.#children];
    const victim = all[Math.floor(random() * all.length)];
    if (victim?.kill("SIGKILL") === true) this.kills++;
  }

  /** Sends a signal to all of them. */
  signal(name: NodeJS.Signals): void {
    for (const child of this.#children) child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#children].map(async (child) => {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }),
    );
  }

  #start(): void {
    const child = spawn(process.execPath, this.#arguments, {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      // Log lines are JSON; anything else is how Node tells why it leaves.
      for (const line of text.split("\n")) if (!line.startsWith("{")) said += `${line}\n`;
    });
    this.#children.add(child);
    child.once("exit", (code, signal) => {
      this.#children.delete(child);
      if (this.#closed) return;
      this.deaths++;
      if (signal !== "SIGKILL") this.accidents.push(`${code ?? signal}: ${said.trim()}`);
      this.#start();
    });
  }
}

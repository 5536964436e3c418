import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

import { inject } from "vitest";

import { loadCatalogue, parseCatalogue, ToolRegistry } from "../../../config/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { eventually } from "../waiting/eventually.ts";

const PROGRAM = resolve("tests/support/fleets/programs/command-program.mjs");

/** A tool that is a shell with a child of its own; given to the processes as text. */
const SLEEP_TOOL = `tutti: 1
allow: { commands: [sh] }
tools:
  - id: test.sleep
    name: Sleeps
    category: foundation
    capabilities: [testing]
    idempotent: true
    limits: {}
    input: { type: object, required: [seconds], properties: { seconds: { type: string } } }
    binding: { type: command, command: sh, args: [-c, "sleep $0 & wait", "\${{ args.seconds }}"] }
`;

/** Worker processes that run real commands, and a client for them. */
export class CommandFleet implements AsyncDisposable {
  readonly tutti: Tutti;
  readonly #children: readonly ChildProcess[];

  private constructor(tutti: Tutti, children: readonly ChildProcess[]) {
    this.tutti = tutti;
    this.#children = children;
  }

  static async start(
    size: number,
    redisUrl: string,
    prefix: string,
    maxRunning: number,
  ): Promise<CommandFleet> {
    const registry = new ToolRegistry([
      ...loadCatalogue().list(),
      ...parseCatalogue(SLEEP_TOOL, "test tools"),
    ]);
    const args = [PROGRAM, inject("builtFolder"), redisUrl, prefix, SLEEP_TOOL, String(maxRunning)];
    const children = Array.from({ length: size }, () =>
      spawn(process.execPath, args, { stdio: "ignore" }),
    );
    const tutti = new Tutti({ redisUrl, prefix, registry, maxRunning });
    const fleet = new CommandFleet(tutti, children);
    await eventually(
      async () => {
        if ((await tutti.workers()).length < size) throw new Error("not all are there");
      },
      { timeoutMs: 30_000 },
    );
    return fleet;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tutti.close();
    await Promise.all(
      this.#children.map(async (child) => {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }),
    );
  }
}

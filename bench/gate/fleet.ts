import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a worker process is told. */
export interface PlayerOrders {
  readonly redisUrl: string;
  /** Where its workers look for jobs, by arm: `gated` stands behind the gate, `bare` does not. */
  readonly prefixes: Readonly<Record<string, string>>;
  readonly machine: string;
  readonly process: string;
  readonly tools: number;
  readonly seed: number;
}

/** A job with `addedNs` has begun. */
export interface PickedUp {
  readonly arm: string;
  /** From before it was added to the beginning of its processor. Milliseconds. */
  readonly ms: number;
}

/** A process that does not end by itself is killed after this time. Milliseconds. */
const PATIENCE_MS = 15_000;

/** Worker processes, one for each name of a machine. */
export class BenchFleet {
  /** Set by whoever wants to know. */
  onPickup: (picked: PickedUp) => void = () => {};
  /** Processes that did not end when they were told to. */
  stuck = 0;
  readonly #children: ChildProcess[] = [];

  /** Resolves when all of them serve. */
  static async open(
    machines: readonly string[],
    orders: Omit<PlayerOrders, "machine" | "process">,
  ): Promise<BenchFleet> {
    const fleet = new BenchFleet();
    await Promise.all(
      machines.map(async (machine, index) => {
        const own: PlayerOrders = { ...orders, machine, process: `${machine}-p${index}` };
        const child = fork(fileURLToPath(new URL("player.js", import.meta.url)), [
          JSON.stringify(own),
        ]);
        fleet.#children.push(child);
        await ready(child);
        child.on("message", (picked) => fleet.onPickup(picked as PickedUp));
      }),
    );
    return fleet;
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null) return;
        const ended = once(child, "exit");
        child.send("stop");
        const timer = setTimeout(() => {
          this.stuck++;
          child.kill("SIGKILL");
        }, PATIENCE_MS);
        await ended;
        clearTimeout(timer);
      }),
    );
  }
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code, signal) =>
      reject(new Error(`a worker process ended before it was ready: ${code ?? signal}`)),
    );
  });
}

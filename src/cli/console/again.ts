import { setTimeout as pause } from "node:timers/promises";

import { isTuttiError } from "../../../config/index.ts";
import type { Cli } from "./cli.ts";

/** How often Redis is tried before a command gives up with exit code 3. */
const TRIES = 3;
/** Between two tries. Milliseconds. */
const PAUSE_MS = 500;

/**
 * Does work that may be done twice, and tries again while Redis is not there: a restart or a failover takes a
 * moment, and nobody wants to type a command anew for it.
 *
 * @throws what the last try threw; any other error at once.
 */
export async function again<T>(cli: Cli, work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await work();
    } catch (thrown) {
      const isAway = isTuttiError(thrown) && thrown.code === "redis_unavailable";
      if (!isAway || tried === TRIES || cli.signal.aborted) throw thrown;
      cli.say(cli.colors.dim(`${thrown.message}; trying again`));
      await pause(PAUSE_MS, undefined, { signal: cli.signal });
    }
  }
}

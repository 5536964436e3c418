import type { Logger } from "pino";

import { messageOf } from "../config/index.ts";

/** Waits for work that is done again later: that it fails is told in the log, and to nobody else. */
export async function patiently(log: Logger, work: Promise<unknown>, what: string): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    log.warn({ error: messageOf(thrown) }, what);
  }
}

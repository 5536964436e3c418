import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { Engine } from "../../processors/index.ts";
import { FIELDS, type Abort } from "../../queues/index.ts";

/** Hears when the rest of a run must not start, and asks again after the connection was away. */
export async function listenForAborts(engine: Engine, subscriber: Redis): Promise<void> {
  const { active, keys, troubles } = engine;
  subscriber.on("message", (channel: string, message: string) => {
    if (channel !== keys.control) return;
    const [, runId = "", ...abort] = message.split("\n");
    active.abort(runId, readJson<Abort>(abort.join("\n")));
  });
  await subscriber.subscribe(keys.control);
  subscriber.on("ready", () => {
    askForAborts(engine, subscriber).catch((thrown: unknown) =>
      troubles.warn({}, thrown, "stopped runs were not asked for"),
    );
  });
}

async function askForAborts({ active, keys, runs }: Engine, subscriber: Redis): Promise<void> {
  // What was told before this is heard again is read after it.
  await subscriber.subscribe(keys.control);
  for (const { runId, groups } of active.runs()) {
    const fields = [FIELDS.abort, ...groups.map((group) => FIELDS.groupAbort(group))];
    for (const abort of await runs.fields(runId, fields))
      if (abort) active.abort(runId, readJson<Abort>(abort));
  }
}

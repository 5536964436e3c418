import type { Redis } from "ioredis";

import { TuttiError } from "../../config/index.ts";
import { PAYLOAD_VERSION } from "../definition.ts";
import type { Keys } from "../names.ts";
import type { ToolQueues } from "../tools/tool-queues.ts";
import { FIELDS } from "./record/run-record.ts";

/** Queues of versions before 3, which used jobs for what links are now. */
const FORMER_QUEUES = ["tutti.fork", "tutti.edge"];

/** Open runs read by one call. */
const PAGE = 1_000;

/**
 * Makes sure that no run is underway whose jobs come from an older version, since this version does not serve them.
 * Then removes what older versions left of ended runs. Looks at the open runs once in the life of a deployment.
 *
 * @throws TuttiError `version_mismatch` while there is such a run.
 */
export async function upgradePayloads(redis: Redis, keys: Keys, queues: ToolQueues): Promise<void> {
  const version = String(PAYLOAD_VERSION);
  if ((await redis.get(keys.payloads)) === version) return;
  const former = await formerRun(redis, keys);
  if (former !== null)
    throw new TuttiError(
      "version_mismatch",
      `run ${former} was begun by an older version of Tutti. Let workers of that version end such runs, or cancel them (tutti runs cancel ${former}), then start this one: see "Upgrades" in docs/operations.md`,
    );
  for (const name of FORMER_QUEUES) {
    const isThere = (await redis.exists(`${queues.qualified(name)}:meta`)) === 1;
    if (isThere) await queues.get(name).obliterate({ force: true });
  }
  await redis.set(keys.payloads, version);
}

/** An open run with jobs of an older version; null if there is none. */
async function formerRun(redis: Redis, keys: Keys): Promise<string | null> {
  for (let cursor = "0"; ;) {
    const [next, pairs] = await redis.zscan(keys.open, cursor, "COUNT", PAGE);
    const runs = pairs.filter((_, index) => index % 2 === 0);
    const reading = redis.pipeline();
    for (const run of runs) reading.hmget(keys.run(run), FIELDS.admittedAt, FIELDS.payloads);
    const answers = (await reading.exec()) ?? [];
    for (const [index, [failed, answer]] of answers.entries()) {
      if (failed !== null) throw failed;
      const [admittedAt, payloads] = answer as (string | null)[];
      // A run that waits for its turn has no jobs yet.
      if (admittedAt !== null && Number(payloads ?? 0) < PAYLOAD_VERSION) return runs[index]!;
    }
    if (next === "0") return null;
    cursor = next;
  }
}

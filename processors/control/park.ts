import {
  enqueueRuns,
  FIELDS,
  parseStepRecord,
  type RunDefinition,
  type RunJob,
  type StepRecord,
} from "../../queues/index.ts";
import type { Engine } from "../engine.ts";

/**
 * Parks a run of which every step that could go on waits for somebody outside: its time stands still
 * and another run gets its place. `version` is the state of the record after the caller's own change;
 * whoever changes it next looks again.
 */
export async function parkIfIdle(
  engine: Engine,
  definition: RunDefinition,
  { runId }: RunJob,
  version: string,
): Promise<void> {
  const ids = Object.keys(definition.steps);
  const texts = await engine.ledger.read(
    runId,
    ids.map((id) => FIELDS.record(id)),
  );
  const records = new Map(ids.map((id, index) => [id, parseStepRecord(texts[index])]));
  if (!isIdle(definition, records)) return;
  const admitted = await engine.waits.parkRun(runId, version, engine.maxRunning);
  if (admitted !== null) await enqueueRuns(engine, admitted);
}

/** Whether some step waits for somebody outside and no other can do anything before that. */
function isIdle(definition: RunDefinition, records: ReadonlyMap<string, StepRecord>): boolean {
  let waits = false;
  for (const [id, record] of records) {
    if (record.state === "running" || record.state === "retrying") return false;
    if (record.state === "waiting") waits = true;
    // One after another: what has not begun stands behind what waits.
    if (record.state !== "pending" || definition.sequence !== undefined) continue;
    const { join, needs } = definition.steps[id]!;
    const on = needs.map((need) => records.get(need));
    const ended = on.every((one) => one?.finishedAtMs !== null && one !== undefined);
    if (ended || (join === "any" && on.some((one) => one?.state === "completed"))) return false;
  }
  return waits;
}

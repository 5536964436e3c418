import type { RunDefinition } from "../../definition.ts";
import { FIELDS, parseStepRecord, type StepRecord } from "../record/run-record.ts";
import type { RunParts } from "./parts.ts";
import { enqueueRuns } from "./start.ts";

/**
 * Parks a run in which every step that could go on waits for somebody outside. Its clock stops and another run gets its
 * place. `version` is that of the record before the caller looked, or after its own change; whoever changes it next
 * looks again. Returns whether the run is parked now.
 */
export async function parkIfIdle(
  parts: RunParts,
  definition: RunDefinition,
  { runId }: { readonly runId: string },
  version: string,
): Promise<boolean> {
  const ids = Object.keys(definition.steps);
  const texts = await parts.runs.fields(
    runId,
    ids.map((id) => FIELDS.record(id)),
  );
  const records = new Map(ids.map((id, index) => [id, parseStepRecord(texts[index])]));
  if (!isIdle(definition, records)) return false;
  const admitted = await parts.waits.parkRun(runId, version, parts.maxRunning);
  if (admitted !== null) await enqueueRuns(parts, admitted);
  return admitted !== null;
}

/**
 * The same for a caller who changed nothing: the run was let go with nothing to do, or the worker of its last step died
 * before parking it.
 */
export async function parkAgain(
  parts: RunParts,
  definition: RunDefinition,
  runId: string,
): Promise<boolean> {
  if (definition.parks !== true) return false;
  const [version] = await parts.runs.fields(runId, [FIELDS.version]);
  return version ? parkIfIdle(parts, definition, { runId }, version) : false;
}

/** Whether some step waits for somebody outside and no other step can do anything before that. */
function isIdle(definition: RunDefinition, records: ReadonlyMap<string, StepRecord>): boolean {
  let waits = false;
  for (const [id, record] of records) {
    if (record.state === "running" || record.state === "retrying") return false;
    if (record.state === "waiting") waits = true;
    // In a sequence, a step that has not begun comes after the waiting one.
    if (record.state !== "pending" || definition.sequence !== undefined) continue;
    const { join, needs } = definition.steps[id]!;
    const on = needs.map((need) => records.get(need));
    const ended = on.every((one) => one?.finishedAtMs !== null && one !== undefined);
    if (ended || (join === "any" && on.some((one) => one?.state === "completed"))) return false;
  }
  return waits;
}

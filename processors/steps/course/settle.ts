import { readJson } from "../../../config/index.ts";
import {
  type StepJob,
  type StepRecord,
  FIELDS,
  placesOf,
  type Abort,
} from "../../../queues/index.ts";
import { type Ending, type StepAddress, hurry, parkIfIdle } from "../../../queues/worker.ts";
import type { CompiledDefinition } from "../definitions.ts";
import type { Engine } from "../engine.ts";
import { callGranted } from "./aside.ts";
import { doomedBy } from "./doomed.ts";
import { endAborted } from "./end-aborted.ts";

/** What the end of a step needs to know. */
interface Settled {
  readonly engine: Engine;
  readonly job: { readonly data: StepJob };
  readonly workflow: CompiledDefinition;
  readonly address: StepAddress;
}

/**
 * Writes the ending of a step, once; whoever wrote first wins. Then does what follows from it: stops
 * what its policy stops, calls who waited for its place, ends or parks the run that has nothing else to
 * do. Null when this start has no say (any more).
 */
export async function settle(work: Settled, ending: Ending): Promise<StepRecord | null> {
  const { engine, job, workflow, address } = work;
  const { definition } = workflow;
  const committed = await engine.ledger.commit(address, ending);
  if (committed.status === "gone") return null;
  if (committed.status === "fenced") {
    engine.log.warn(addressed(address), "a result came too late: its step was taken over");
    return null;
  }
  if (committed.status === "done" && committed.record.start !== address.start)
    engine.log.warn(addressed(address), "a result came too late: its step has ended");
  const stopped = committed.status === "ok" ? await stops(engine, address.runId, ending) : [];
  for (const abort of stopped) {
    await engine.runs.tellAbort(address.runId, abort);
    await hurry(engine, address.runId, abort.group);
  }
  if (committed.status === "ok" && ending.outcome !== "completed" && job.data.item === undefined)
    await engine.gate.pass(doomedBy(await placesOf(engine, definition, job.data), job.data.stepId));
  await callGranted(engine, definition, job.data, committed.granted);
  if (committed.lastOfAborted) await endAborted(engine, definition, job.data);
  else if (committed.version !== undefined)
    await parkIfIdle(engine, definition, job.data, committed.version);
  return committed.record;
}

const addressed = ({ runId, stepId, item }: StepAddress): object => ({ runId, stepId, item });

/** What has been stopped by this ending, or may have been. */
async function stops(engine: Engine, runId: string, ending: Ending): Promise<readonly Abort[]> {
  const { aborts = [], systemic = [] } = ending;
  if (systemic.length === 0) return aborts;
  const fields = systemic.map(({ group }) =>
    group === undefined ? FIELDS.abort : FIELDS.groupAbort(group),
  );
  const texts = await engine.runs.fields(runId, fields);
  return [...aborts, ...texts.filter((text) => text !== null).map((text) => readJson<Abort>(text))];
}

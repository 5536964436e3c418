import type { Job } from "bullmq";

import {
  CONTROL_QUEUES,
  FIELDS,
  jobIds,
  parseStepRecord,
  type EdgeJob,
  type ForkJob,
} from "../../queues/index.ts";
import { assertPayload } from "../../queues/worker.ts";
import type { Engine } from "../steps/engine.ts";

/** Edges released at the same time. */
const CHUNK = 200;

/**
 * A fork runs when its step has ended, however it ended: it releases the edges to the dependents that
 * are not its parent. Releasing twice is harmless, so a fork that dies half-way is simply run again.
 */
export function forkProcessor(
  engine: Engine,
): (job: Job<ForkJob>) => Promise<{ released: number }> {
  return async ({ data }) => {
    assertPayload(data);
    if (data.wakes !== undefined) await wake(engine, data, data.wakes);
    for (let from = 0; from < data.releases.length; from += CHUNK) {
      await Promise.all(
        data.releases
          .slice(from, from + CHUNK)
          .map((to) =>
            engine.queues.promote(CONTROL_QUEUES.edge, jobIds.edge(data, data.stepId, to)),
          ),
      );
    }
    return { released: data.releases.length };
  };
}

/** Lets `any` steps start of which a dependency has completed, or all have ended. */
async function wake(engine: Engine, job: ForkJob, stepIds: readonly string[]): Promise<void> {
  const workflow = await engine.definitions.get(job.definition);
  if (workflow === undefined) return;
  for (const stepId of stepIds) {
    const step = workflow.definition.steps[stepId]!;
    const texts = await engine.ledger.read(
      job.runId,
      step.needs.map((need) => FIELDS.record(need)),
    );
    const records = texts.map((text) => parseStepRecord(text));
    // Whoever ends last sees that all have ended: an outcome is written before its fork runs.
    if (
      records.some(({ state }) => state === "completed") ||
      records.every(({ finishedAtMs }) => finishedAtMs !== null)
    )
      await engine.queues.promote(CONTROL_QUEUES.edge, jobIds.token(job, stepId));
  }
}

/**
 * An edge has nothing to do but to end: its step reads the outcomes of its dependencies itself, and
 * waits again when somebody released the edge by hand.
 */
export async function edgeProcessor(job: Job<EdgeJob>): Promise<Record<string, never>> {
  assertPayload(job.data);
  return Promise.resolve({});
}

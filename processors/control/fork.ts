import type { Job } from "bullmq";

import {
  assertPayload,
  CONTROL_QUEUES,
  jobIds,
  type EdgeJob,
  type ForkJob,
} from "../../queues/index.ts";
import type { Engine } from "../engine.ts";

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

/**
 * An edge has nothing to do but to end: its step reads the outcomes of its dependencies itself, and
 * waits again when somebody released the edge by hand.
 */
export async function edgeProcessor(job: Job<EdgeJob>): Promise<Record<string, never>> {
  assertPayload(job.data);
  return Promise.resolve({});
}

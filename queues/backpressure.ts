import { TuttiError, windowsOf, type ToolRegistry, type ToolSpec } from "../config/index.ts";
import type { RunDefinition } from "./definition.ts";
import type { ToolQueues } from "./tool-queues.ts";

/** When the tool has no rate, nobody can know when there is room. Milliseconds. */
const RETRY_AFTER_MS = 1_000;

/**
 * Refuses new runs whose tools have full queues (R90). It asks the catalogue of whoever submits, at the
 * moment of the submission: a queue's length is no part of a workflow, so it is in no definition, and a
 * change of it needs no new version of one. What was accepted before and starts its steps later is let
 * through, so a queue may grow longer than this.
 */
export class Backpressure {
  readonly #queues: ToolQueues;
  readonly #tools: Pick<ToolRegistry, "get">;

  constructor(queues: ToolQueues, tools: Pick<ToolRegistry, "get">) {
    this.#queues = queues;
    this.#tools = tools;
  }

  /**
   * What refuses a run of this definition, `queue_full` with `details` {tool, waiting, limit,
   * retryAfterMs}; null when there is room. Of several full queues the one that takes longest.
   */
  async refusal(definition: RunDefinition): Promise<TuttiError | null> {
    const limited = this.#limited(definition);
    // All are asked at once, so it is one round trip; none when no tool has a limit.
    const lengths = await Promise.all(limited.map(({ spec }) => this.#queues.waiting(spec.id)));
    const full = limited
      .map(({ spec, limit }, index) => ({ spec, limit, waiting: lengths[index]! }))
      .filter(({ waiting, limit }) => waiting >= limit)
      .map((one) => ({ ...one, retryAfterMs: retryAfterMs(one.spec, one.waiting - one.limit + 1) }))
      .toSorted((a, b) => b.retryAfterMs - a.retryAfterMs)[0];
    if (full === undefined) return null;
    const { spec, limit, waiting, retryAfterMs: later } = full;
    return new TuttiError(
      "queue_full",
      `the queue of ${spec.id} is full (${waiting} waiting, limit ${limit}); try again in ${Math.ceil(later / 1_000)} s`,
      { details: { tool: spec.id, waiting, limit, retryAfterMs: later } },
    );
  }

  #limited(definition: RunDefinition): { spec: ToolSpec; limit: number }[] {
    const called = Object.values(definition.steps)
      .filter((step) => step.wait === undefined && step.workflow === undefined)
      .map((step) => step.tool);
    return [...new Set(called)].flatMap((id) => {
      const spec = this.#tools.get(id)?.spec;
      const limit = spec?.limits.queueLength;
      return spec === undefined || limit === undefined ? [] : [{ spec, limit }];
    });
  }
}

/** How long the tool's rate takes for so many calls. Milliseconds. */
function retryAfterMs({ limits: { rate, cost = 1 } }: ToolSpec, calls: number): number {
  const windows = windowsOf(rate);
  if (windows.length === 0) return RETRY_AFTER_MS;
  const times = windows.map(({ max, durationMs }) => (calls * cost * durationMs) / max);
  return Math.ceil(Math.max(...times));
}

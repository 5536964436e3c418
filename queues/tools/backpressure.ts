import { ratesOf, TuttiError, type ToolRegistry, type ToolSpec } from "../../config/index.ts";
import type { RunDefinition } from "../definition.ts";
import { toolOfQueue } from "../names.ts";
import { queueOfCall, type RunKeys } from "./lane-keys.ts";
import type { ToolQueues } from "./tool-queues.ts";

/** Without a rate of the tool, nobody knows when there will be room. Milliseconds. */
const RETRY_AFTER_MS = 1_000;

/**
 * Refuses new runs whose tools have full queues. For a tool with limits per key the lane of the run's key counts, so
 * that nobody is refused because of others. It reads the submitter's catalogue at submission: a queue's length is not
 * part of any definition, so changing it needs no new version of a workflow. Runs accepted earlier that start their
 * steps later are let through, so a queue may exceed this length.
 */
export class Backpressure {
  readonly #queues: ToolQueues;
  readonly #tools: Pick<ToolRegistry, "get">;

  constructor(queues: ToolQueues, tools: Pick<ToolRegistry, "get">) {
    this.#queues = queues;
    this.#tools = tools;
  }

  /**
   * The error that refuses a run of this definition, `queue_full` with `details` {tool, waiting, limit, retryAfterMs};
   * null if there is room. Of several full queues, the one that takes longest.
   */
  async refusal(definition: RunDefinition, keys: RunKeys): Promise<TuttiError | null> {
    const limited = this.#limited(definition, keys);
    // All queues are asked at once, in one round trip; none if no tool has a limit.
    const lengths = await Promise.all(limited.map(({ queue }) => this.#queues.waiting(queue)));
    const full = limited
      .map((one, index) => ({ ...one, waiting: lengths[index]! }))
      .filter(({ waiting, limit }) => waiting >= limit)
      .map((one) => ({ ...one, retryAfterMs: retryAfterMs(one.spec, one.waiting - one.limit + 1) }))
      .toSorted((a, b) => b.retryAfterMs - a.retryAfterMs)[0];
    if (full === undefined) return null;
    const { spec, queue, limit, waiting, retryAfterMs: later } = full;
    return new TuttiError(
      "queue_full",
      `the queue of ${queue} is full (${waiting} waiting, limit ${limit}); try again in ${Math.ceil(later / 1_000)} s`,
      { details: { tool: spec.id, waiting, limit, retryAfterMs: later } },
    );
  }

  #limited(
    definition: RunDefinition,
    keys: RunKeys,
  ): { spec: ToolSpec; limit: number; queue: string }[] {
    const called = Object.entries(definition.steps)
      .filter(([, step]) => step.wait === undefined && step.workflow === undefined)
      .map(([id, step]) => queueOfCall(step, keys, keys.steps[id]));
    return [...new Set(called)].flatMap((queue) => {
      const spec = this.#tools.get(toolOfQueue(queue))?.spec;
      const limit = spec?.limits.queueLength;
      return spec === undefined || limit === undefined ? [] : [{ spec, limit, queue }];
    });
  }
}

/** How long the tool's rates take for this many calls. Milliseconds. */
function retryAfterMs({ limits }: ToolSpec, calls: number): number {
  const windows = Object.values(ratesOf(limits)).flat();
  if (windows.length === 0) return RETRY_AFTER_MS;
  const times = windows.map(
    ({ max, durationMs }) => (calls * (limits.cost ?? 1) * durationMs) / max,
  );
  return Math.ceil(Math.max(...times));
}

import { sample } from "fast-check";
import { expect } from "vitest";

import type { CallContext } from "../../../processors/index.ts";
import type { Orchestra } from "../deployment/orchestra.ts";
import { randomDag, workflowOf, type Dag } from "../drawn/dags.ts";
import { SEED } from "../runner/seed.ts";

/** Runs in flight at once. */
const AT_ONCE = 20;

/** Writes down in which order calls begin and end, by run. */
export class Log {
  readonly #calls = new Map<string, { stepId: string; began: number; ended: number }[]>();
  #clock = 0;

  readonly handler = async (_input: unknown, { runId, stepId }: CallContext): Promise<string> => {
    const call = { stepId, began: ++this.#clock, ended: Infinity };
    const calls = this.#calls.get(runId) ?? [];
    this.#calls.set(runId, calls);
    calls.push(call);
    await new Promise((resolve) => setImmediate(resolve));
    call.ended = ++this.#clock;
    return stepId;
  };

  of(runId: string) {
    return this.#calls.get(runId) ?? [];
  }
}

export async function expectRight({ tutti }: Orchestra, log: Log, dag: Dag): Promise<void> {
  const document = {
    ...workflowOf(dag),
    output: dag.map((_, node) => `\${{ steps.s${node}.output }}`),
  };
  const { runId } = await tutti.submit(document);
  const run = await tutti.result(runId, { timeoutMs: 60_000 });
  expect(run.state).toBe("completed");
  // The run receives what every step returned.
  expect(run.output).toEqual(dag.map((_, node) => `s${node}`));
  const calls = log.of(runId);
  expect(calls.map(({ stepId }) => stepId).toSorted()).toEqual(
    dag.map((_, node) => `s${node}`).toSorted(),
  );
  const byStep = new Map(calls.map((call) => [call.stepId, call]));
  for (const [node, on] of dag.entries()) {
    for (const before of on) {
      expect(byStep.get(`s${before}`)!.ended).toBeLessThan(byStep.get(`s${node}`)!.began);
    }
  }
}

/** So many random DAGs run right. The seed is printed with a failure. */
export async function expectRandomRight(orchestra: Orchestra, runs: number): Promise<void> {
  const log = new Log();
  await orchestra.work({ probe: log.handler });
  const dags = sample(randomDag(60), { numRuns: runs, seed: SEED });
  for (let from = 0; from < dags.length; from += AT_ONCE)
    await Promise.all(
      dags.slice(from, from + AT_ONCE).map((dag) => expectRight(orchestra, log, dag)),
    );
}

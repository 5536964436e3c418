import type { Job } from "bullmq";

import {
  Budget,
  compileCondition,
  compileTemplate,
  messageOf,
  type Json,
  type Template,
  given,
} from "../../config/index.ts";
import {
  FIELDS,
  type RunDefinition,
  type RunJob,
  type RunState,
  type StepError,
  type StepRecord,
} from "../../queues/index.ts";
import {
  assertPayload,
  concludeUndone,
  type RunEnding,
  type UndoingJob,
} from "../../queues/worker.ts";
import { factsOf, stateOf } from "../steps/decisions/endings.ts";
import type { Engine } from "../steps/engine.ts";
import { view } from "../steps/inputs.ts";
import { endRun, type Course } from "../steps/pipeline/end-run.ts";
import { stepError } from "../steps/pipeline/failure.ts";
import { lossesOf } from "../steps/pipeline/lost.ts";

/**
 * The root job of a run: entered when every step has ended, it decides how the run ended and computes
 * its output. What it writes is written once.
 */
export function runProcessor(
  engine: Engine,
): (job: Job<RunJob | UndoingJob>) => Promise<{ state: RunState | "gone" }> {
  return async (bullJob) => {
    const { data } = bullJob;
    assertPayload(data);
    if ("undoing" in data) return { state: (await concludeUndone(engine, data.runId)) ?? "gone" };
    const workflow = await engine.definitions.get(data.hash);
    if (workflow === undefined) return { state: "gone" };
    const lost = lossesOf(bullJob, "computed the output of this run");
    const state = await endRun(engine, workflow.definition, data, (course) =>
      endingOf(engine, data, workflow.definition, course, lost),
    );
    return { state };
  };
}

async function endingOf(
  engine: Engine,
  job: RunJob,
  definition: RunDefinition,
  { records, abort }: Course,
  lost: StepError | null,
): Promise<RunEnding> {
  const { facts, error } = factsOf(definition, records, abort);
  const results = new Results(engine, job, records);
  const output = lost === null ? await results.output(definition.output) : { error: lost };
  const value = "value" in output ? { output: output.value } : {};
  const sound = stateOf(facts) === "completed";
  const unmetCriteria =
    sound && output.error === undefined ? await results.unmet(definition.success) : [];
  const known = sound ? output.error : error;
  return {
    state: stateOf({
      ...facts,
      outputFails: output.error !== undefined,
      unmetCriteria: unmetCriteria.length,
    }),
    ...value,
    ...given({ error: known }),
    ...(unmetCriteria.length === 0 ? {} : { unmetCriteria }),
  };
}

/** Evaluates the expressions about a run as a whole; reads only the outputs they name. */
class Results {
  readonly #engine: Engine;
  readonly #job: RunJob;
  readonly #records: ReadonlyMap<string, StepRecord>;
  /** One for all of them: a run has as many criteria as it likes. */
  readonly #budget = new Budget();

  constructor(engine: Engine, job: RunJob, records: ReadonlyMap<string, StepRecord>) {
    this.#engine = engine;
    this.#job = job;
    this.#records = records;
  }

  async output(source: Json | undefined): Promise<{ value?: string; error?: StepError }> {
    if (source === undefined) return {};
    try {
      const template = compileTemplate(source, "result", { name: "output" });
      const value = template.render(await this.#variables(template), this.#budget);
      return { value: await this.#engine.values.put(this.#job.runId, "output", value) };
    } catch (thrown) {
      return { error: stepError(thrown) };
    }
  }

  /** The criteria that do not hold, each with the reason when it could not be evaluated. */
  async unmet(criteria: readonly string[]): Promise<string[]> {
    const unmet: string[] = [];
    for (const criterion of criteria) {
      try {
        const condition = compileCondition(criterion, "result");
        const holds = condition.render(await this.#variables(condition), this.#budget);
        if (holds !== true) unmet.push(criterion);
      } catch (thrown) {
        unmet.push(`${criterion} (${messageOf(thrown)})`);
      }
    }
    return unmet;
  }

  async #variables(template: Template): Promise<Record<string, unknown>> {
    const { runs, values } = this.#engine;
    const { runId, workflowId } = this.#job;
    const ids = [...template.steps];
    const fields = [FIELDS.input, ...ids.map((id) => FIELDS.output(id))];
    const [input, ...outputs] = await runs.fields(runId, fields);
    const steps: Record<string, unknown> = {};
    for (const [index, id] of ids.entries()) {
      steps[id] = view(
        this.#records.get(id),
        await values.get(runId, FIELDS.output(id), outputs[index]),
      );
    }
    return {
      input: (await values.get(runId, FIELDS.input, input)) ?? {},
      steps,
      run: { id: runId, workflow: workflowId },
    };
  }
}

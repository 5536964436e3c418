import { readJson, type Json } from "../../config/index.ts";
import { FIELDS, parseStepRecord, type StepJob, type StepRecord } from "../../queues/index.ts";
import type { Engine } from "../engine.ts";
import type { CompiledStep } from "./definitions.ts";

/** What a step reads of its run's record before it decides anything, in one call. */
export function fieldsOf(step: CompiledStep): string[] {
  return [
    ...step.definition.needs.map((need) => FIELDS.record(need)),
    ...step.reads.map((stepId) => FIELDS.output(stepId)),
    ...(step.readsRunInput ? [FIELDS.input] : []),
  ];
}

/** The values of {@link fieldsOf}, sorted out. */
export interface Found {
  readonly dependencies: ReadonlyMap<string, StepRecord>;
  /** Variables for the step's expressions, secrets and item aside. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** The input that was given when the run was resumed, instead of the step's own. */
  readonly edited?: Json;
}

/** Makes sense of what was read. Values that stand outside the record are fetched. */
export async function sortOut(
  engine: Engine,
  job: StepJob,
  step: CompiledStep,
  read: readonly (string | null)[],
): Promise<Found> {
  const { needs } = step.definition;
  const dependencies = new Map(needs.map((need, index) => [need, parseStepRecord(read[index])]));
  const steps: Record<string, unknown> = {};
  for (const [index, stepId] of step.reads.entries()) {
    const output = await engine.values.get(
      job.runId,
      FIELDS.output(stepId),
      read[needs.length + index],
    );
    steps[stepId] = view(dependencies.get(stepId), output);
  }
  const input = step.readsRunInput
    ? await engine.values.get(job.runId, FIELDS.input, read[needs.length + step.reads.length])
    : undefined;
  const at = needs.length + step.reads.length + (step.readsRunInput ? 1 : 0);
  const edited = job.epoch > 0 && read[at] ? readJson<Json>(read[at]) : undefined;
  return {
    dependencies,
    ...(edited === undefined || job.item !== undefined ? {} : { edited }),
    variables: {
      steps,
      run: { id: job.runId, workflow: job.workflowId },
      ...(input === undefined ? {} : { input }),
    },
  };
}

/** Reads once more what a step reads, after something about its dependencies has changed. */
export async function readAgain(engine: Engine, job: StepJob, step: CompiledStep): Promise<Found> {
  return sortOut(engine, job, step, await engine.ledger.read(job.runId, fieldsOf(step)));
}

/** What `steps.<id>` holds: the output only when there is one, so that reading a missing one is an error. */
export function view(record: StepRecord | undefined, output: Json | undefined): object {
  return {
    state: record?.state ?? "pending",
    ...(output === undefined ? {} : { output }),
    ...(record?.error === undefined ? {} : { error: record.error }),
  };
}

import { copyJson, readJson, type Json, given } from "../../config/index.ts";
import { FIELDS, parseStepRecord, type StepJob, type StepRecord } from "../../queues/index.ts";
import { isReference } from "../../queues/worker.ts";
import type { CompiledStep } from "./definitions.ts";
import type { Engine } from "./engine.ts";

/**
 * What a step reads of its run's record before it decides anything, in one call. The items of a forEach read the same
 * values, so those are not among it: {@link sortOut} gets them once for all.
 */
export function fieldsOf(step: CompiledStep, { item }: Pick<StepJob, "item">): string[] {
  return [
    ...step.definition.needs.map((need) => FIELDS.record(need)),
    FIELDS.submittedAt,
    ...(item === undefined ? valueFields(step) : []),
  ];
}

/** Where the values stand that a step's expressions read. */
function valueFields(step: CompiledStep): string[] {
  return [
    ...step.reads.map((stepId) => FIELDS.output(stepId)),
    ...(step.readsRunInput ? [FIELDS.input] : []),
  ];
}

/** What replaces a step's own input, when it was resumed with another one. Items have their own. */
export function editedOf({ stepId, epoch, item }: StepJob): string[] {
  return epoch > 0 && item === undefined ? [FIELDS.edited(stepId)] : [];
}

/** The values of {@link fieldsOf}, sorted out. */
export interface Found {
  readonly dependencies: ReadonlyMap<string, StepRecord>;
  /** Variables for the step's expressions, secrets and item aside. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Others read the same values: what a call gets of them has to be a copy, see {@link ownCopy}. */
  readonly shared?: true;
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
  const { runId, epoch, item } = job;
  const dependencies = new Map(needs.map((need, index) => [need, parseStepRecord(read[index])]));
  const isItem = item !== undefined;
  const run = { runId, epoch, submittedAt: read[needs.length] ?? "" };
  const fields = valueFields(step);
  const at = needs.length + 1;
  const values: (Json | undefined)[] = [];
  let isShared = isItem;
  for (const [index, field] of fields.entries()) {
    if (isItem) {
      values.push(await engine.values.shared(run, field));
      continue;
    }
    const stored = read[at + index];
    const isLarge = typeof stored === "string" && isReference(stored);
    // The next step is likely to read it too.
    isShared ||= isLarge;
    values.push(
      isLarge
        ? await engine.values.shared(run, field, stored)
        : await engine.values.get(runId, field, stored),
    );
  }
  const steps: Record<string, unknown> = {};
  for (const [index, stepId] of step.reads.entries())
    steps[stepId] = view(dependencies.get(stepId), values[index]);
  const input = step.readsRunInput ? values[step.reads.length] : undefined;
  const replacing = isItem || epoch === 0 ? null : read[at + fields.length];
  return {
    dependencies,
    ...(replacing ? { edited: readJson<Json>(replacing) } : {}),
    variables: {
      steps,
      run: { id: runId, workflow: job.workflowId },
      ...given({ input }),
    },
    ...(isShared ? { shared: true } : {}),
  };
}

/** What was made of shared values for one call: expressions yield parts of them, and a tool may change its input. */
export async function ownCopy({ shared }: Found, made: Json): Promise<Json> {
  return shared === true ? copyJson(made) : made;
}

/** Reads once more what a step reads, after something about its dependencies has changed. */
export async function readAgain(engine: Engine, job: StepJob, step: CompiledStep): Promise<Found> {
  return sortOut(engine, job, step, await engine.ledger.read(job.runId, fieldsOf(step, job)));
}

/** What `steps.<id>` holds: the output only when there is one, so that reading a missing one is an error. */
export function view(record: StepRecord | undefined, output: Json | undefined): object {
  return {
    state: record?.state ?? "pending",
    ...given({ output }),
    ...(record?.error === undefined ? {} : { error: record.error }),
  };
}

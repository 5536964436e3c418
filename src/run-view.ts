import type { Json } from "../config/index.ts";
import {
  FIELDS,
  parseStepRecord,
  shownAs,
  stepsOf,
  type RunDefinition,
  type RunHeader,
  type Runs,
  type RunState,
  type StepError,
  type StepRecord,
  type StepView,
  type Values,
} from "../queues/index.ts";

/** A run in a list. Times are ISO 8601 with milliseconds. */
export interface RunSummary {
  readonly runId: string;
  readonly workflow: { readonly id: string; readonly name: string; readonly hash: string };
  readonly state: RunState;
  readonly submittedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** Everything that is known of a run. */
export interface RunView extends RunSummary {
  readonly output: Json;
  /** By step id; the items of a forEach as `<id>[i]`. */
  readonly steps: Readonly<Record<string, StepView>>;
  readonly error?: StepError;
  readonly unmetCriteria?: readonly string[];
  readonly tenant: string;
  readonly actor: string;
  readonly correlationId: string;
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

export function summaryOf(header: RunHeader): RunSummary {
  return {
    runId: header.runId,
    workflow: header.workflow,
    state: header.state,
    submittedAt: new Date(header.submittedAtMs).toISOString(),
    startedAt: iso(header.startedAtMs),
    finishedAt: iso(header.finishedAtMs),
  };
}

/** A step's record as people and programs see it. */
export function stepView(record: StepRecord, tool?: string, output?: Json): StepView {
  return {
    state: record.state,
    ...(tool === undefined ? {} : { tool }),
    attempts: record.attempts,
    startedAt: iso(record.startedAtMs),
    finishedAt: iso(record.finishedAtMs),
    ...(output === undefined ? {} : { output }),
    ...(record.error === undefined ? {} : { error: record.error }),
    ...(record.reason === undefined ? {} : { reason: record.reason }),
  };
}

/** Reads the record of a run. Outputs of steps are left out unless asked for: they may be large. */
export async function readRun(
  parts: { readonly runs: Runs; readonly values: Values },
  header: RunHeader,
  definition: RunDefinition,
  options: { readonly outputs: boolean },
): Promise<RunView> {
  const { runs, values } = parts;
  const { runId } = header;
  const all = await stepsOf(runs, runId, definition);
  const records = await runs.fields(
    runId,
    all.map(({ stepId, item }) => FIELDS.record(stepId, item)),
  );
  const outputs = options.outputs
    ? await runs.fields(
        runId,
        all.map(({ stepId, item }) => FIELDS.output(stepId, item)),
      )
    : [];
  const steps: Record<string, StepView> = {};
  for (const [index, { stepId, item }] of all.entries()) {
    const output = await values.get(runId, FIELDS.output(stepId, item), outputs[index]);
    steps[shownAs(stepId, item)] = stepView(
      parseStepRecord(records[index]),
      definition.steps[stepId]?.tool,
      output,
    );
  }
  const [output] = await runs.fields(runId, ["output"]);
  return {
    ...summaryOf(header),
    output: (await values.get(runId, "output", output)) ?? null,
    steps,
    ...(header.error === undefined ? {} : { error: header.error }),
    ...(header.unmetCriteria === undefined ? {} : { unmetCriteria: header.unmetCriteria }),
    tenant: header.tenant,
    actor: header.actor,
    correlationId: header.correlationId,
  };
}

import { iso, isoOrNull, type Json, type Target, given } from "../../../config/index.ts";
import {
  PENDING,
  shownAs,
  type RunHeader,
  type Runs,
  type StepState,
  type StepView,
} from "../../../queues/client.ts";
import {
  FIELDS,
  jobOf,
  placesOf,
  parseStepRecord,
  stepsOf,
  takeOversOf,
  type RunDefinition,
  type RunState,
  type StepError,
  type StepRecord,
  type TakeOver,
  type ToolQueues,
  type Values,
} from "../../../queues/index.ts";
import { eligibleAtMs } from "./eligible.ts";
import { readCourse, type RunCourse } from "./run-course.ts";

/** A run in a list. Times are ISO 8601 with milliseconds. */
export interface RunSummary {
  readonly runId: string;
  readonly workflow: { readonly id: string; readonly name: string; readonly hash: string };
  readonly state: RunState;
  readonly submittedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** 1 to 10, 10 the most urgent. */
  readonly priority: number;
  /** What its workflow aims at. */
  readonly target: Target;
  /** How often it was resumed after it had ended. */
  readonly epoch: number;
  /** The step of another run that it works for. */
  readonly parent?: { readonly runId: string; readonly step: string };
}

/** Everything that is known of a run. */
export interface RunView extends RunSummary, RunCourse {
  readonly output: Json;
  /** By step id; the items of a forEach as `<id>[i]`. */
  readonly steps: Readonly<Record<string, StepView>>;
  readonly error?: StepError;
  readonly unmetCriteria?: readonly string[];
  readonly tenant: string;
  readonly actor: string;
  readonly correlationId: string;
}

export function summaryOf(header: RunHeader): RunSummary {
  return {
    runId: header.runId,
    workflow: header.workflow,
    state: header.state,
    submittedAt: iso(header.submittedAtMs),
    startedAt: isoOrNull(header.startedAtMs),
    finishedAt: isoOrNull(header.finishedAtMs),
    priority: header.priority,
    target: header.target,
    epoch: header.epoch,
    ...(header.parent === undefined
      ? {}
      : { parent: { runId: header.parent.runId, step: header.parent.stepId } }),
  };
}

/** States of steps that may have ended without having begun; then they have no times. */
const NOT_RUN: ReadonlySet<StepState> = new Set<StepState>(["skipped", "cancelled"]);

/** A step's record as people and programs see it. */
export function stepView(
  record: StepRecord,
  tool?: string,
  output?: Json,
  eligibleAt?: number | null,
  takeOvers: readonly TakeOver[] = [],
): StepView {
  const hasRun = record.attempts > 0 || !NOT_RUN.has(record.state);
  const eligible = eligibleAt === undefined || hasRun ? eligibleAt : null;
  return {
    state: record.state,
    ...given({ tool }),
    attempts: record.attempts,
    ...given({ eligibleAtMs: eligible }),
    startedAt: hasRun ? isoOrNull(record.startedAtMs) : null,
    finishedAt: hasRun ? isoOrNull(record.finishedAtMs) : null,
    ...(hasRun || record.finishedAtMs === null ? {} : { decidedAt: iso(record.finishedAtMs) }),
    ...(takeOvers.length === 0 ? {} : { takeOvers }),
    ...given({ output, error: record.error, reason: record.reason }),
    ...record.source,
  };
}

/** Reads the record of a run. Outputs of steps are left out unless asked for: they may be large. */
export async function readRun(
  parts: { readonly runs: Runs; readonly values: Values; readonly queues: ToolQueues },
  header: RunHeader,
  definition: RunDefinition,
  options: { readonly outputs: boolean },
): Promise<RunView> {
  const { runs, values, queues } = parts;
  const { runId } = header;
  const all = await stepsOf(runs, runId, definition);
  const [admittedAt, taken, ...texts] = await runs.fields(runId, [
    FIELDS.admittedAt,
    FIELDS.takeOvers,
    ...all.map(({ stepId, item }) => FIELDS.record(stepId, item)),
  ]);
  const records = new Map(
    all.map(({ stepId, item }, index) => [shownAs(stepId, item), parseStepRecord(texts[index])]),
  );
  const admittedAtMs = admittedAt ? Number(admittedAt) : null;
  const outputs = options.outputs
    ? await runs.fields(
        runId,
        all.map(({ stepId, item }) => FIELDS.output(stepId, item)),
      )
    : [];
  const steps: Record<string, StepView> = {};
  const { epoch, tenant, workflow } = header;
  const run = await placesOf({ runs }, definition, {
    runId,
    workflowId: workflow.id,
    epoch,
    tenant,
  });
  for (const [index, one] of all.entries()) {
    const { stepId, item } = one;
    const output = await values.get(runId, FIELDS.output(stepId, item), outputs[index]);
    const shown = shownAs(stepId, item);
    const record = records.get(shown) ?? PENDING;
    const eligible =
      record.state === "retrying"
        ? await queues.dueAtMs(jobOf(run, one))
        : eligibleAtMs({ definition, records, admittedAtMs }, stepId, item);
    const takeOvers = takeOversOf(taken, { ...one, sinceMs: record.startedAtMs });
    const { tool, name } = definition.steps[stepId] ?? {};
    steps[shown] = {
      ...stepView(record, tool, output, eligible, takeOvers),
      ...given({ name }),
    };
  }
  const [output] = await runs.fields(runId, ["output"]);
  return {
    ...summaryOf(header),
    output: (await values.get(runId, "output", output)) ?? null,
    steps,
    ...given({ error: header.error, unmetCriteria: header.unmetCriteria }),
    tenant: header.tenant,
    actor: header.actor,
    correlationId: header.correlationId,
    ...(await readCourse(runs, header, definition, steps)),
  };
}

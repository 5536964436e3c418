import { readJson } from "../config/index.ts";
import {
  FIELDS,
  parseStepRecord,
  shownAs,
  slotOf,
  takeOversOf,
  type RunDefinition,
  type RunHeader,
  type Runs,
  type RunState,
  type StepError,
  type StepRecord,
  type StepState,
  type StepView,
  type TakeOver,
} from "../queues/index.ts";
import type { RunView } from "./run-view.ts";

/** An end of a run that was resumed. Times are ISO 8601 with milliseconds. */
export interface EpochView {
  readonly epoch: number;
  readonly state: RunState;
  readonly finishedAt: string;
  readonly resumedBy: string;
  readonly resumedAt: string;
  /** How many steps ran again. */
  readonly steps: number;
}

/** A decision about how many calls may be underway, made after a wave of calls. */
export interface WidthChange {
  /** ISO 8601 with milliseconds. */
  readonly at: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  /** Calls of the wave, and how many of them failed. */
  readonly calls: number;
  readonly failed: number;
}

/** How the call that undoes a completed one went, or how far it is. Times are ISO 8601 with milliseconds. */
export interface Compensated {
  /** What is undone; the items of a forEach as `<id>[i]`. */
  readonly step: string;
  /** The tool that undoes it. */
  readonly tool?: string;
  readonly state: StepState;
  readonly attempts: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly takeOvers?: readonly TakeOver[];
  readonly error?: StepError;
  /** Why it was not made. */
  readonly reason?: string;
}

type Course = Pick<
  RunView,
  "admittedAt" | "pausedBy" | "stillRunning" | "epochs" | "compensation" | "width"
>;

interface StoredEpoch extends Omit<EpochView, "finishedAt" | "resumedAt"> {
  readonly finishedAtMs: number;
  readonly resumedAtMs: number;
}

interface StoredWidths {
  readonly history: readonly (Omit<WidthChange, "at"> & { readonly atMs: number })[];
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** What the record tells of the course of a run beside its steps. */
export async function readCourse(
  runs: Runs,
  header: RunHeader,
  definition: RunDefinition,
  steps: Readonly<Record<string, StepView>>,
): Promise<Course> {
  const { runId, state, width } = header;
  const [admittedAt, pausedBy, epochs, undoing, aimd] = await runs.fields(runId, [
    FIELDS.admittedAt,
    "pausedBy",
    "epochs",
    FIELDS.undoing,
    "aimd",
  ]);
  const { history } = aimd ? readJson<StoredWidths>(aimd) : { history: [] };
  return {
    admittedAt: admittedAt ? iso(Number(admittedAt)) : null,
    ...(pausedBy ? { pausedBy } : {}),
    ...(state === "cancelling"
      ? { stillRunning: Object.keys(steps).filter((id) => steps[id]?.state === "running") }
      : {}),
    ...(epochs ? { epochs: readJson<StoredEpoch[]>(epochs).map(epochView) } : {}),
    ...(undoing
      ? { compensation: await undone(runs, runId, definition, readJson<string[]>(undoing)) }
      : {}),
    ...(width === undefined
      ? {}
      : {
          width: {
            now: width,
            history: history.map(({ atMs, ...change }) => ({ at: iso(atMs), ...change })),
          },
        }),
  };
}

function epochView({ finishedAtMs, resumedAtMs, ...rest }: StoredEpoch): EpochView {
  return { ...rest, finishedAt: iso(finishedAtMs), resumedAt: iso(resumedAtMs) };
}

/** How far each compensation is. */
async function undone(
  runs: Runs,
  runId: string,
  { steps }: RunDefinition,
  slots: readonly string[],
): Promise<readonly Compensated[]> {
  const [taken, ...texts] = await runs.fields(runId, [
    FIELDS.takeOvers,
    ...slots.map((one) => FIELDS.record(`${one}.undo`)),
  ]);
  return slots.map((one, index) => {
    const { stepId, item } = slotOf(one);
    const record = parseStepRecord(texts[index]);
    const of = { stepId, ...(item === undefined ? {} : { item }), undo: true };
    const takeOvers = takeOversOf(taken, { ...of, sinceMs: record.startedAtMs });
    return compensated(shownAs(stepId, item), record, takeOvers, steps[stepId]?.compensate?.tool);
  });
}

/** A record of what undoes a call, as people and programs see it. */
export function compensated(
  step: string,
  { state, attempts, startedAtMs, finishedAtMs, error, reason }: StepRecord,
  takeOvers: readonly TakeOver[] = [],
  tool?: string,
): Compensated {
  return {
    step,
    ...(tool === undefined ? {} : { tool }),
    state,
    attempts,
    startedAt: startedAtMs === null ? null : iso(startedAtMs),
    finishedAt: finishedAtMs === null ? null : iso(finishedAtMs),
    ...(takeOvers.length === 0 ? {} : { takeOvers }),
    ...(error === undefined ? {} : { error }),
    ...(reason === undefined ? {} : { reason }),
  };
}

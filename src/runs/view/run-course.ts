import { iso, isoOrNull, readJson, given } from "../../../config/index.ts";
import {
  shownAs,
  partOf,
  type RunHeader,
  type Runs,
  type StepState,
  type StepView,
} from "../../../queues/client.ts";
import {
  FIELDS,
  parseStepRecord,
  takeOversOf,
  type RunDefinition,
  type RunState,
  type StepError,
  type StepRecord,
  type TakeOver,
} from "../../../queues/index.ts";

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

/** What happened to a run as a whole, beside its steps. */
export interface RunCourse {
  /** When its turn came; null while it waits behind other runs of its tenant. ISO 8601. */
  readonly admittedAt: string | null;
  /** Who holds it, while it is paused. */
  readonly pausedBy?: string;
  /** While it is being stopped: the steps whose calls have not returned yet. */
  readonly stillRunning?: readonly string[];
  /** How it ended before it was resumed, the first end first. */
  readonly epochs?: readonly EpochView[];
  /** What was or is being undone, in this order. */
  readonly compensation?: readonly Compensated[];
  /** Mode `adaptive`: how many calls may be underway now, and how that came about. */
  readonly width?: { readonly now: number; readonly history: readonly WidthChange[] };
}

interface StoredEpoch extends Omit<EpochView, "finishedAt" | "resumedAt"> {
  readonly finishedAtMs: number;
  readonly resumedAtMs: number;
}

interface StoredWidths {
  readonly history: readonly (Omit<WidthChange, "at"> & { readonly atMs: number })[];
}

/** What the record tells of the course of a run beside its steps. */
export async function readCourse(
  runs: Runs,
  header: RunHeader,
  definition: RunDefinition,
  steps: Readonly<Record<string, StepView>>,
): Promise<RunCourse> {
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
    const { stepId, item } = partOf(one);
    const record = parseStepRecord(texts[index]);
    const of = { stepId, ...given({ item }), undo: true };
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
    ...given({ tool }),
    state,
    attempts,
    startedAt: isoOrNull(startedAtMs),
    finishedAt: isoOrNull(finishedAtMs),
    ...(takeOvers.length === 0 ? {} : { takeOvers }),
    ...given({ error, reason }),
  };
}

import { given } from "../../../config/index.ts";
import { parseStepRecord, type Abort, type StepRecord } from "./run-record.ts";

/**
 * What a step stands aside for: its run is held, has as many calls underway as it may, or gave its place among the runs at
 * work and waits for one.
 */
export type Aside = "paused" | "full" | "away";

const isBare = (status: unknown): status is Aside | "gone" | "fenced" =>
  ["gone", "fenced", "paused", "full", "away"].includes(String(status));

/** What `Ledger.begin` found. */
export type Begun =
  /** There is no such run any more, or it has ended: nothing to do. */
  | { readonly status: "gone" }
  /** A later start of the same step is at work, or the run was resumed: this one must not speak. */
  | { readonly status: "fenced" }
  /** The step waits to be called. */
  | { readonly status: Aside }
  /** The step ended before; the job only has to finish. */
  | {
      readonly status: "done";
      readonly record: StepRecord;
      readonly abort?: Abort;
      readonly values: Values;
    }
  /**
   * `go`: the start is marked. `unknown`: an earlier start was marked and never ended, and calling again is
   * not safe. That one keeps the say, should its result still come; this one may end the step without it.
   */
  | {
      readonly status: "go" | "unknown";
      readonly record: StepRecord;
      readonly abort?: Abort;
      readonly values: Values;
    };

/** Fields of the run record, in the order asked for. */
export type Values = readonly (string | null)[];

/** What became of a commit. Only `ok` wrote something. */
export type Committed =
  | {
      readonly status: "ok" | "done";
      readonly record: StepRecord;
      /** The run is being stopped and this was the last step that ran. */
      readonly lastOfAborted: boolean;
      /** State of the record after this ending, in runs that can be parked. */
      readonly version?: string;
      /** Steps that may call now, because this one is done. */
      readonly granted: readonly string[];
      /** The run ends with this step, and what its end is is not written yet. */
      readonly endsRun: boolean;
      /** Runs that began because this one has ended. */
      readonly admitted: readonly string[];
    }
  | { readonly status: "gone" }
  | { readonly status: "fenced" };

/** What became of a step that wants to wait. */
export type Parked =
  | { readonly status: "ok"; readonly version: string }
  | { readonly status: "decided"; readonly decision: string }
  | { readonly status: "gone" | "fenced" };

/** What BullMQ's script answered, and how the step began of the job that was taken, when it did. */
export interface Moved {
  readonly answer: unknown;
  readonly begun?: Begun;
  /** No job was taken, because the gate has to be asked for the permit that was to be handed on. */
  readonly asks?: true;
}

/** What the script answers to one operation; false for what does not exist. */
export type Answer = readonly (string | false)[];

/** What follows from an ending. */
interface AfterCommit {
  /** Running steps that are left of a run that is being stopped. */
  readonly left?: number;
  readonly version?: string;
  readonly granted?: unknown;
  /** Of a run that ends with the step: whether somebody has to say how. */
  readonly run?: "open" | "ended";
  readonly admitted?: unknown;
}

/** An empty table of a script is no list. */
const listed = (list: unknown): readonly string[] => (Array.isArray(list) ? list : []);

export function committedOf([status, text, after]: Answer): Committed {
  if (status !== "ok" && status !== "done")
    return status === "fenced" ? { status } : { status: "gone" };
  const { left, version, granted, run, admitted } = after as AfterCommit;
  return {
    status,
    record: parseStepRecord(String(text)),
    lastOfAborted: left === 0,
    ...given({ version }),
    granted: listed(granted),
    endsRun: run === "open",
    admitted: listed(admitted),
  };
}

export function begunOf([status, text, abort, ...values]: Answer): Begun {
  if (isBare(status)) return { status };
  const begun = {
    record: parseStepRecord(text || null),
    values: values.map(orNull),
    ...abortOf(abort),
  };
  return { status: status as "go" | "unknown" | "done", ...begun };
}

/** @throws Error why BullMQ's script failed. */
export function movedOf([answer, failure, begun, asks]: Answer): Moved {
  if (failure) throw new Error(failure);
  const taken = (begun ?? false) as unknown as Answer | false;
  return {
    answer: answer === false ? null : answer,
    ...(taken === false ? {} : { begun: begunOf(taken) }),
    ...(asks === "ask" ? { asks: true } : {}),
  };
}

/** A value of a record; null for what does not exist. */
export const orNull = (value: string | false): string | null => (value === false ? null : value);

function abortOf(text: string | false | undefined): { abort?: Abort } {
  return text ? { abort: JSON.parse(text) as Abort } : {};
}

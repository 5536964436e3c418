import { given } from "../../../config/index.ts";
import { parseStepRecord, type Abort, type StepRecord } from "./run-record.ts";

/**
 * Why a step stands aside: its run is held, has the maximum of calls underway, or gave up its place among the runs at
 * work and waits for one.
 */
export type Aside = "paused" | "full" | "away";

const isBare = (status: unknown): status is Aside | "gone" | "fenced" =>
  ["gone", "fenced", "paused", "full", "away"].includes(String(status));

/** The answer of `Ledger.begin`. */
export type Begun =
  /** The run does not exist or has ended, so there is nothing to do. */
  | { readonly status: "gone" }
  /** A later start of the step is at work, or the run was resumed, so this one must do nothing. */
  | { readonly status: "fenced" }
  /** The step waits to be called back. */
  | { readonly status: Aside }
  /** The step has already ended; only the job must finish. */
  | {
      readonly status: "done";
      readonly record: StepRecord;
      readonly abort?: Abort;
      readonly values: Values;
    }
  /**
   * `go`: the start is marked. `unknown`: an earlier start was marked and never ended, and calling again is not safe.
   * The earlier start may still write its result; this one may end the step without it.
   */
  | {
      readonly status: "go" | "unknown";
      readonly record: StepRecord;
      readonly abort?: Abort;
      readonly values: Values;
    };

/** Fields of the run record, in the order asked for. */
export type Values = readonly (string | null)[];

/** The answer to a commit. Only `ok` wrote something. */
export type Committed =
  | {
      readonly status: "ok" | "done";
      readonly record: StepRecord;
      /** The run is being stopped and this was its last running step. */
      readonly lastOfAborted: boolean;
      /** Version of the record after this ending, in runs that can be parked. */
      readonly version?: string;
      /** Steps that may call now that this one is done. */
      readonly granted: readonly string[];
      /** The run ends with this step, and its ending is not written yet. */
      readonly endsRun: boolean;
      /** Runs that began because this one has ended. */
      readonly admitted: readonly string[];
    }
  | { readonly status: "gone" }
  | { readonly status: "fenced" };

/** The answer to a step that is to wait. */
export type Parked =
  | { readonly status: "ok"; readonly version: string }
  | { readonly status: "decided"; readonly decision: string }
  | { readonly status: "gone" | "fenced" };

/** BullMQ's answer, and how the step of the taken job began, if it did. */
export interface Moved {
  readonly answer: unknown;
  readonly begun?: Begun;
  /** No job was taken, because the gate must be asked about the permit that was to be handed on. */
  readonly asks?: true;
}

/** The script's answer to one operation; false for what does not exist. */
export type Answer = readonly (string | false)[];

/** What follows from an ending. */
interface AfterCommit {
  /** Steps still running in a run that is being stopped. */
  readonly left?: number;
  readonly version?: string;
  readonly granted?: unknown;
  /** The run ends with the step. `open`: somebody must still find out how. */
  readonly run?: "open" | "ended";
  readonly admitted?: unknown;
}

/** An empty Lua table does not arrive as a list. */
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

/** A value of a record; null if it does not exist. */
export const orNull = (value: string | false): string | null => (value === false ? null : value);

function abortOf(text: string | false | undefined): { abort?: Abort } {
  return text ? { abort: JSON.parse(text) as Abort } : {};
}

import type { Json, Target } from "../../../config/index.ts";
import type { Identity, StepError } from "../../jobs.ts";
import { partName } from "./part-names.ts";
import type { TakeOver } from "./take-overs.ts";

/** States of a run that has not ended. */
const OPEN_STATES = [
  /** Waits for its tenant's turn, or for its first step to begin. */
  "queued",
  "running",
  /** Every step that could go on waits for somebody outside. */
  "parked",
  /** Held by somebody: no step begins. */
  "paused",
  /** Asked to stop, with calls still running somewhere. */
  "cancelling",
  /** Its steps have ended and are being undone. */
  "compensating",
] as const;

/** States of a run. */
export const RUN_STATES = [
  ...OPEN_STATES,
  "completed",
  "completed_with_unmet_criteria",
  "partial",
  "failed",
  "cancelled",
  "timed_out",
] as const;
export type RunState = (typeof RUN_STATES)[number];

const OPEN: ReadonlySet<string> = new Set(OPEN_STATES);

export function isOpen(state: string): boolean {
  return OPEN.has(state);
}

/** How a step ended. */
export type Outcome = "completed" | "failed" | "skipped" | "cancelled";
export type StepState = "pending" | "running" | "retrying" | "waiting" | Outcome;

const OUTCOMES: ReadonlySet<StepState> = new Set<StepState>([
  "completed",
  "failed",
  "skipped",
  "cancelled",
]);

/** Whether a step in this state has ended. */
export function hasEnded(state: StepState): boolean {
  return OUTCOMES.has(state);
}

/** Where the output of a completed step comes from, if not from a call of its own tool. */
export interface Source {
  /** Another tool answered. */
  readonly via?: string;
  /** A kept result of an earlier call. */
  readonly cached?: true;
  /** It is older than the step wants and replaces a failed call. */
  readonly stale?: true;
  /** How old it was. Milliseconds. */
  readonly ageMs?: number;
}

/** The state of a step. Times are Redis' own, in milliseconds since 1970. */
export interface StepRecord {
  readonly state: StepState;
  /** The start of the job that wrote this. A later start fences an earlier one. */
  readonly start: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  /** Calls made so far, the running one included. */
  readonly attempts: number;
  /** How often a worker lost its hold on the step while it called the tool. */
  readonly losses?: number;
  /** Why it failed, or the last reason for a retry. */
  readonly error?: StepError;
  /** Why it was skipped or cancelled, or what it waits for. */
  readonly reason?: string;
  /** Where the output of a completed step comes from, if not from its own tool. */
  readonly source?: Source;
}

const LETTERS = {
  R: "running",
  B: "retrying",
  /** For somebody outside: an approval, an event, a time, a sub-run. */
  W: "waiting",
  C: "completed",
  F: "failed",
  S: "skipped",
  X: "cancelled",
} as const satisfies Record<string, StepState>;

type Letter = keyof typeof LETTERS;

/** The letter for a state in the record. Scripts compare it. */
export function letterOf(state: Outcome): Letter {
  switch (state) {
    case "completed":
      return "C";
    case "failed":
      return "F";
    case "skipped":
      return "S";
    case "cancelled":
      return "X";
  }
}

/** A step without a record yet. */
export const PENDING: StepRecord = {
  state: "pending",
  start: 0,
  startedAtMs: null,
  finishedAtMs: null,
  attempts: 0,
};

const isLetter = (value: string | undefined): value is Letter =>
  value !== undefined && value in LETTERS;

/**
 * Parses `<letter><start>,<startedAtMs>,<finishedAtMs>,<attempts>|<detail>`. It is short because every step of every
 * run has one, and plain because Lua reads it too.
 */
export function parseStepRecord(text: string | null | undefined): StepRecord {
  if (text === null || text === undefined || text === "") return PENDING;
  const letter = text[0];
  if (!isLetter(letter)) throw new Error(`unreadable step record: ${text.slice(0, 40)}`);
  const bar = text.indexOf("|");
  const [start, startedAt, finishedAt, attempts] = text.slice(1, bar).split(",");
  const detail = text.slice(bar + 1);
  const state = LETTERS[letter];
  const record = {
    state,
    start: Number(start),
    startedAtMs: startedAt === "" ? null : Number(startedAt),
    finishedAtMs: finishedAt === "" ? null : Number(finishedAt),
    attempts: Number(attempts),
  };
  if (detail === "") return record;
  if (state === "running") {
    // `<losses>@<worker>#<number of the call in it>~<a start that waits for that call's result>`
    const losses = Number(/^\d*/.exec(detail)![0]);
    return losses === 0 ? record : { ...record, losses };
  }
  if (state === "completed") return { ...record, source: JSON.parse(detail) as Source };
  return state === "failed" || state === "retrying"
    ? { ...record, error: JSON.parse(detail) as StepError }
    : { ...record, reason: detail };
}

/** The part of a run's record about the run as a whole. */
export interface RunHeader extends Identity {
  readonly runId: string;
  readonly workflow: { readonly id: string; readonly name: string; readonly hash: string };
  readonly epoch: number;
  readonly state: RunState;
  readonly submittedAtMs: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly error?: StepError;
  readonly unmetCriteria?: readonly string[];
  /** 1 to 10, 10 the most urgent. */
  readonly priority: number;
  /** What its workflow aims at. */
  readonly target: Target;
  /** BullMQ's priority of its jobs: tenant, urgency and turn. Known once it has begun. */
  readonly rank: number;
  /** The step of another run that this run works for. */
  readonly parent?: ParentStep;
  /** Calls that may be underway, in mode `adaptive`. */
  readonly width?: number;
}

/** The step that a sub-run works for. */
export interface ParentStep {
  readonly runId: string;
  readonly workflowId: string;
  readonly stepId: string;
  readonly epoch: number;
  /** Number of sub-runs above it. */
  readonly depth: number;
}

/** Fields of the record's hash. `s:` and `o:` are followed by a step id, or by `<step>.<index>` for an item. */
export const FIELDS = {
  record: (stepId: string, item?: number, undo = false): string =>
    `s:${partName(stepId, item, undo)}`,
  output: (stepId: string, item?: number, undo = false): string =>
    `o:${partName(stepId, item, undo)}`,
  /** Number of items of a forEach; written before the first is added. */
  count: (stepId: string): string => `n:${stepId}`,
  input: "input",
  /** When the run was submitted. Distinguishes it from an earlier run with the same id. */
  submittedAt: "submittedAt",
  /** The value of each step's `key`: JSON by step. */
  lanes: "lanes",
  /** The same for an epoch and those before it, if a later input led to other lanes. */
  lanesOf: (epoch: number): string => `lanes:${epoch}`,
  /** Counts the changes in a run that can be parked. */
  version: "version",
  /** When its turn came. Its clock starts here. */
  admittedAt: "admittedAt",
  /** Version of the payloads of its jobs. */
  payloads: "payloads",
  /** Progress of adding a large tree: `1` all jobs are there, `2` the first of them are released too. */
  added: "jobs",
  /** The run that gave up its place among those at work: this one, or the one it works for. */
  away: "away",
  /** The run has a place again, and the steps that stand aside for it must be called. */
  returned: "returned",
  /** Set when the rest of the run or of a group must not start: JSON of {@link Abort}. */
  abort: "abort",
  groupAbort: (group: string): string => `abort:${group}`,
  /** Calls whose workers lost their hold: JSON list. */
  takeOvers: "takeOvers",
  /** The steps of the current epoch of a resumed run: JSON list of ids. */
  reopened: "reopened",
  /** The ending to apply when everything is undone, and the slots to undo: JSON. */
  ending: "ending",
  undoing: "undoing",
  /** A step that holds one of the places of a run in mode `adaptive`. */
  place: (name: string): string => `g:${name}`,
  /** The most items that a forEach ever had, if it was resumed with fewer. */
  most: (stepId: string): string => `m:${stepId}`,
  /** The decision about a waiting step: JSON. */
  decision: (stepId: string): string => `d:${stepId}`,
  /** Position of a completed call among those that can be undone, counted from 1. */
  completion: (stepId: string, item?: number): string => `c:${partName(stepId, item)}`,
  /** The literal input that replaces a step's own after a resume: JSON. */
  edited: (stepId: string): string => `e:${stepId}`,
} as const;

/** Why the rest of a run, or of one of its groups, must not start. */
export interface Abort {
  readonly kind: "cancel" | "timeout" | "policy";
  readonly reason: string;
  /** Only the steps of this group. */
  readonly group?: string;
  /** Undo what completed. */
  readonly compensate?: boolean;
}

/** A step as the API shows it. */
export interface StepView extends Source {
  readonly state: StepState;
  /** As the document says; absent in events. */
  readonly name?: string;
  readonly tool?: string;
  readonly attempts: number;
  /**
   * When it was free to begin: its run was admitted and its dependencies had ended. While it waits for another attempt:
   * when its pause ends. Null while unknown; absent in events. Redis' clock, milliseconds since 1970. From here to
   * `startedAt` it waited for workers, machines and limits.
   */
  readonly eligibleAtMs?: number | null;
  /** ISO 8601 with milliseconds; null if it was skipped or cancelled before it began. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** When a step that was never called was skipped or cancelled. ISO 8601 with milliseconds. */
  readonly decidedAt?: string;
  /** Its calls that another start took over, because their workers had lost their hold. */
  readonly takeOvers?: readonly TakeOver[];
  readonly output?: Json;
  readonly error?: StepError;
  readonly reason?: string;
}

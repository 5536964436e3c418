import type { Json } from "../../config/index.ts";
import type { Identity } from "../jobs.ts";

/** States of a run. The first three are open. */
export const RUN_STATES = [
  "queued",
  "running",
  "cancelling",
  "completed",
  "completed_with_unmet_criteria",
  "partial",
  "failed",
  "cancelled",
  "timed_out",
] as const;
export type RunState = (typeof RUN_STATES)[number];

const OPEN: ReadonlySet<RunState> = new Set(["queued", "running", "cancelling"]);

export function isOpen(state: RunState): boolean {
  return OPEN.has(state);
}

/** How a step ended. */
export type Outcome = "completed" | "failed" | "skipped" | "cancelled";
export type StepState = "pending" | "running" | "retrying" | Outcome;

/** Why a step failed. */
export interface StepError {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What is known of a step. Times are Redis' own, in milliseconds since 1970. */
export interface StepRecord {
  readonly state: StepState;
  /** Which start of the job wrote this; a later start fences an earlier one. */
  readonly start: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  /** Calls made so far, the running one included. */
  readonly attempts: number;
  /** Workers that died while they called the tool, when some did. */
  readonly losses?: number;
  /** Why it failed, or the last reason to try again. */
  readonly error?: StepError;
  /** Why it was skipped or cancelled. */
  readonly reason?: string;
}

const LETTERS = {
  R: "running",
  B: "retrying",
  C: "completed",
  F: "failed",
  S: "skipped",
  X: "cancelled",
} as const satisfies Record<string, StepState>;

type Letter = keyof typeof LETTERS;

/** The letter that stands for a state in the record; scripts compare it. */
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

/** A step of which nothing is written yet. */
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
 * Reads `<letter><start>,<startedAtMs>,<finishedAtMs>,<attempts>|<detail>`: short, because there is
 * one per step of every run, and plain, because Lua reads it too.
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
  if (state === "running") return { ...record, losses: Number(detail) };
  return state === "failed" || state === "retrying"
    ? { ...record, error: JSON.parse(detail) as StepError }
    : { ...record, reason: detail };
}

/** The part of a run's record that says what it is. */
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
}

/** Fields of the record's hash. `s:` and `o:` are followed by a step id, or `<step>.<index>` for an item. */
export const FIELDS = {
  record: (stepId: string, item?: number): string => `s:${slot(stepId, item)}`,
  output: (stepId: string, item?: number): string => `o:${slot(stepId, item)}`,
  /** How many items a forEach has; written before the first is added. */
  count: (stepId: string): string => `n:${stepId}`,
  input: "input",
  /** How far the jobs of a large tree are: `1` all are there, `2` the first of them are released too. */
  added: "added",
  /** Set when the rest of the run must not start: JSON of {@link Abort}. */
  abort: "abort",
} as const;

/** The step, or one item of it, as one word. */
export function slot(stepId: string, item?: number): string {
  return item === undefined ? stepId : `${stepId}.${item}`;
}

/** How an item is shown to people: `<step>[i]`. */
export function shownAs(stepId: string, item?: number): string {
  return item === undefined ? stepId : `${stepId}[${item}]`;
}

/** Why the rest of a run must not start. */
export interface Abort {
  readonly kind: "cancel" | "timeout" | "fail_fast";
  readonly reason: string;
}

/** A run as the API shows it. */
export interface StepView {
  readonly state: StepState;
  readonly tool?: string;
  readonly attempts: number;
  /** ISO 8601 with milliseconds. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly output?: Json;
  readonly error?: StepError;
  readonly reason?: string;
}

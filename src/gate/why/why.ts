import type { ToolRegistry } from "../../../config/index.ts";
import type { StepState, Runs, Turns, Waits } from "../../../queues/client.ts";
import type { Reason, RunState, Gate, Presence } from "../../../queues/index.ts";

/** What keeps a call from starting, as the gate decides it. Needs and free parts of machines are shares of 1. */
type GateReason = Reason;

/** What keeps a run, a step or a tool waiting. `untilMs`: Redis' clock, in milliseconds since 1970. */
export type WhyReason =
  | GateReason
  /** Other runs of its tenant are at work; `ahead` wait before it. */
  | {
      readonly kind: "admission";
      readonly tenant: string;
      readonly ahead: number;
      readonly atWork: number;
    }
  /** Nothing of the run can start, so that its place among those at work went to another; it takes one with its first call. */
  | { readonly kind: "away"; readonly tenant: string }
  /** Runs with the same word go one after another. */
  | {
      readonly kind: "serial";
      readonly word: string;
      readonly holder: string | null;
      readonly ahead: number;
    }
  /** Steps that have not ended; `root` is what the first of them waits for in the end. */
  | {
      readonly kind: "dependency";
      readonly steps: readonly string[];
      readonly root: WhyRoot | null;
    }
  | { readonly kind: "approval"; readonly message: string; readonly untilMs: number | null }
  | { readonly kind: "event"; readonly name: string; readonly untilMs: number | null }
  | { readonly kind: "timer"; readonly untilMs: number }
  | { readonly kind: "paused_run"; readonly by: string }
  | { readonly kind: "paused_queue"; readonly tool: string }
  /** The pause after a failed attempt. */
  | {
      readonly kind: "retry";
      readonly untilMs: number;
      readonly attempts: number;
      readonly error: string;
    }
  /** Mode `adaptive`: the run has as many calls underway as it may. */
  | { readonly kind: "width"; readonly width: number; readonly ahead: number }
  | { readonly kind: "no_worker"; readonly tool: string }
  /** Jobs of the same tool that are before it. */
  | { readonly kind: "position"; readonly tool: string; readonly ahead: number }
  /** A run of another workflow, or the items of a forEach, that it waits for. */
  | { readonly kind: "sub_run"; readonly runId: string; readonly root: WhyRoot | null }
  | { readonly kind: "items"; readonly open: number; readonly root: WhyRoot | null }
  /** It is being stopped or undone, and these still run. */
  | { readonly kind: "stopping"; readonly steps: readonly string[] }
  /** A run none of whose steps can go on. */
  | { readonly kind: "steps"; readonly steps: readonly string[] }
  /** Nothing keeps it: a worker takes it next. */
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly sinceMs: number | null }
  /** Nothing of the tool waits. */
  | { readonly kind: "idle" }
  | { readonly kind: "ended"; readonly state: string };

/** What somebody else waits for, on whom this one waits. */
export interface WhyRoot {
  readonly subject: string;
  readonly sentence: string;
}

/** Who has what is missing. */
export interface Holder {
  /** What it holds: `gpu`, `cpu of m1`, `a place among the runs of acme`. */
  readonly of: string;
  /** Slots, or a share of a machine. */
  readonly amount?: number;
  readonly tool?: string;
  readonly machine?: string;
  readonly process?: string;
  readonly runId?: string;
  /** Items of a forEach as `<id>[i]`. */
  readonly step?: string;
  readonly sinceMs?: number;
}

/** When the waiting ends; of what runs, when it ends. */
export interface Eta {
  /** Redis' clock, in milliseconds since 1970; null when nobody can know. */
  readonly atMs: number | null;
  /** What it was reckoned from, or why it is not known. */
  readonly basis: string;
}

/** The answer to "why do you wait?" */
export interface Why {
  readonly runId?: string;
  readonly step?: string;
  readonly tool?: string;
  readonly state: RunState | StepState | "waiting" | "idle";
  /** False when it runs, has ended, or nothing keeps it. */
  readonly waits: boolean;
  readonly reasons: readonly WhyReason[];
  readonly holders: readonly Holder[];
  readonly eta: Eta;
  /** All of it in plain English. */
  readonly sentence: string;
  /** When it was asked. Redis' clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Of a run: the steps that could go on or run, at most 20. */
  readonly steps?: readonly Why[];
}

const CALM: ReadonlySet<string> = new Set(["starting", "running", "idle", "ended"]);

/** Whether some of these reasons is one to wait. */
export function isWaiting(reasons: readonly WhyReason[]): boolean {
  return reasons.some(({ kind }) => !CALM.has(kind));
}

/** What the answer is put together from. */
export interface WhyParts {
  readonly gate: Gate;
  readonly presence: Presence;
  readonly runs: Runs;
  readonly waits: Waits;
  readonly turns: Turns;
  readonly registry: ToolRegistry;
}

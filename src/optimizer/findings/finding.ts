/** Why a tool does less than it is asked for. */
export type FindingKind =
  /** No live worker serves it. */
  | "unserved"
  /** Its calls on one machine do not come back, while others go on. */
  | "stuck_worker"
  /** The service behind it is slower than usual, or carries no more calls at once. */
  | "downstream_saturated"
  /** Its calls fail. */
  | "failing"
  /** A rate, or a pause that its service asked for, is used up. */
  | "rate_limited"
  /** Machines, or a budget that it shares with others, are used up. */
  | "resource_bound"
  /** It may not run more calls at once than it does, and nothing else keeps it. */
  | "under_provisioned"
  /** Too little comes to it, because of a bottleneck before it: that tool is the culprit. */
  | "dependency_bound";

/** The numbers that a finding is taken from, over the windows that were looked at. */
export interface Evidence {
  /** Share of the time in which jobs waited. */
  readonly busy: number;
  readonly waiting: number;
  /** How long what waits would take at the present throughput; null: nothing ends. Milliseconds. */
  readonly drainMs: number | null;
  /** Calls that ended. */
  readonly ended: number;
  readonly failed: number;
  /** Mean time of the calls that went well; null: none did. Milliseconds. */
  readonly meanMs: number | null;
  /** How much longer calls take than usual; null: too few. */
  readonly inflation: number | null;
  /** Share of the time blocked, by kind. */
  readonly blocked: Readonly<Record<string, number>>;
}

/** What a window says of a tool. */
export interface Verdict {
  readonly kind: FindingKind;
  /** A machine, resource, budget, service or other tool; undefined: the tool itself. */
  readonly culprit?: string;
  /** Of what a machine has too little of: the machine on which others use much of it. */
  readonly machine?: string;
}

/** A bottleneck. */
export interface Finding extends Verdict {
  readonly tool: string;
  /** When it was first seen, by Redis' clock. Milliseconds. */
  readonly sinceMs: number;
  /**
   * By how much an average run would end earlier if nothing kept the tool: it counts on the longest way through each
   * workflow only. Milliseconds; null: no workflow that is known uses it.
   */
  readonly reliefMs: number | null;
  readonly evidence: Evidence;
}

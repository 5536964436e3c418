/** How often queues and machines are read. Milliseconds. */
export const SAMPLE_MS = 1_000;
/** More samples are not kept; then the older half goes. */
export const SAMPLES_MAX = 1_000;
export const SAMPLES_TRIMMED = 500;

/** What a process did of the calls of a tool since its last word. */
export interface ToolReading {
  /** Jobs that were taken from its queues, also those whose tool was not called. */
  readonly came: number;
  /** Calls that began. */
  readonly began: number;
  readonly ok: number;
  readonly failed: number;
  /** Sent away with a 429. */
  readonly limited: number;
  /** Calls that are underway now, and for how long the oldest of them. Milliseconds. */
  readonly active: number;
  readonly oldestMs: number;
  /** Idempotent calls without a cache, and those among them that were made before with the same input. Default: 0. */
  readonly checked?: number;
  readonly repeated?: number;
  /** Durations of calls, and of waiting from when a call might have begun until it did. */
  readonly service?: string;
  readonly wait?: string;
}

/** What a process says of itself once a second, when there is something to say. */
export interface Reading {
  readonly machine: string;
  readonly process: string;
  readonly tools: Readonly<Record<string, ToolReading>>;
}

/** A tool on a machine, in a sample. */
export interface PlaceSample {
  /** Calls that ended, whatever came of them. */
  readonly ended: number;
  readonly active: number;
  /** For how long the oldest has been underway. Milliseconds. */
  readonly oldestMs: number;
}

/** A tool in a sample. */
export interface ToolSample {
  /** Jobs in its queues, lanes included, at the moment of the sample. */
  readonly waiting: number;
  readonly active: number;
  /** Jobs that stand aside until a time: retries most of all. */
  readonly delayed: number;
  /**
   * Jobs that came to its queues in the interval: those that were taken, and those that wait more than before. What
   * processes say is not of the same instant as what the queues hold, so one sample may have some too many and
   * the next as many too few, below 0 even.
   */
  readonly arrivals: number;
  /** Jobs that were taken without a call: they were skipped, had a kept result, or went back to their queue. */
  readonly uncalled: number;
  readonly ok: number;
  readonly failed: number;
  readonly limited: number;
  /** Time in which its queues were refused, by what kept them, summed over the machines. Milliseconds. */
  readonly blockedMs: Readonly<Record<string, number>>;
  readonly places: Readonly<Record<string, PlaceSample>>;
  /** Machines with a worker that serves it. */
  readonly servedBy: number;
  /** Idempotent calls without a cache, and those among them that their process had made before with the same input. Default: 0. */
  readonly checked?: number;
  readonly repeated?: number;
  readonly service?: string;
  readonly wait?: string;
}

/** A machine in a sample. Shares of 1 by resource. */
export interface MachineSample {
  /** What the gate believes that its calls use. */
  readonly believed: Readonly<Record<string, number>>;
  /** What was measured; null: cannot be read there. */
  readonly usage: Readonly<Record<string, number | null>>;
  /** Share of time in which work waited for it; null: cannot be read there. */
  readonly pressure: Readonly<Record<string, number | null>>;
  /** What others use of it, as far as it was learned. */
  readonly background: Readonly<Record<string, number>>;
}

/** One reading of queues and machines. */
export interface Sample {
  /** Redis' clock. Milliseconds. */
  readonly atMs: number;
  /** Time since the sample before. */
  readonly ms: number;
  /** 0 normal, 1 reduced, 2 minimal. */
  readonly level: number;
  /** Tools with anything to say. */
  readonly tools: Readonly<Record<string, ToolSample>>;
  readonly machines: Readonly<Record<string, MachineSample>>;
  /** Runs that were admitted in the interval, by the hash of their definition. */
  readonly admitted: Readonly<Record<string, number>>;
  /** The same of the time before, in which nobody took samples. Default: none. */
  readonly unseen?: Readonly<Record<string, number>>;
}

/** What has to be remembered from one sample to the next. */
export interface Remembered {
  readonly atMs: number;
  readonly waiting: Readonly<Record<string, number>>;
  readonly blocked: Readonly<Record<string, number>>;
  /** Runs that were admitted while nobody took samples, by the hash of their definition. Default: none. */
  readonly unseen?: Readonly<Record<string, number>>;
}

/** How often queues and machines are read. Milliseconds. */
export const SAMPLE_MS = 1_000;
/** Most samples that are kept. Beyond that, the older half goes. */
export const SAMPLES_MAX = 1_000;
export const SAMPLES_TRIMMED = 500;

/** What a process did for calls of a tool since its last reading. */
export interface ToolReading {
  /** Jobs taken from its queues, including those whose tool was not called. */
  readonly came: number;
  /** Calls that began. */
  readonly began: number;
  readonly ok: number;
  readonly failed: number;
  /** Refused with a 429. */
  readonly limited: number;
  /** Calls underway now, and how long the oldest has been underway. Milliseconds. */
  readonly active: number;
  readonly oldestMs: number;
  /** Idempotent calls without a cache, and how many of them repeat an earlier input. Default: 0. */
  readonly checked?: number;
  readonly repeated?: number;
  /** Durations of calls, and of the waiting from when a call could have begun until it did. */
  readonly service?: string;
  readonly wait?: string;
}

/** A process's report, once a second if there is something to report. */
export interface Reading {
  readonly machine: string;
  readonly process: string;
  readonly tools: Readonly<Record<string, ToolReading>>;
}

/** A tool on a machine, in a sample. */
export interface PlaceSample {
  /** Calls that ended in any way. */
  readonly ended: number;
  readonly active: number;
  /** How long the oldest has been underway. Milliseconds. */
  readonly oldestMs: number;
}

/** A tool in a sample. */
export interface ToolSample {
  /** Jobs in its queues, lanes included, at the moment of the sample. */
  readonly waiting: number;
  readonly active: number;
  /** Jobs that stand aside until a time, mostly retries. */
  readonly delayed: number;
  /**
   * Jobs that came to its queues in the interval: those taken, plus the growth of those waiting. Readings of processes
   * and of queues are not from the same instant. So one sample may have some too many and the next as many too few,
   * even below 0.
   */
  readonly arrivals: number;
  /** Jobs taken without a call: they were skipped, had a kept result, or went back to their queue. */
  readonly uncalled: number;
  readonly ok: number;
  readonly failed: number;
  readonly limited: number;
  /** Time in which its queues were refused, by reason, summed over the machines. Milliseconds. */
  readonly blockedMs: Readonly<Record<string, number>>;
  readonly places: Readonly<Record<string, PlaceSample>>;
  /** Machines with a worker that serves it. */
  readonly servedBy: number;
  /** Idempotent calls without a cache, and how many of them repeat an earlier input of their process. Default: 0. */
  readonly checked?: number;
  readonly repeated?: number;
  readonly service?: string;
  readonly wait?: string;
}

/** A machine in a sample. Shares of 1 by resource. */
export interface MachineSample {
  /** What its calls use, as the gate assumes. */
  readonly believed: Readonly<Record<string, number>>;
  /** Measured use; null: not readable there. */
  readonly usage: Readonly<Record<string, number | null>>;
  /** Share of time in which work waited for the resource; null: not readable there. */
  readonly pressure: Readonly<Record<string, number | null>>;
  /** Learned use by others. */
  readonly background: Readonly<Record<string, number>>;
}

/** One reading of queues and machines. */
export interface Sample {
  /** Redis' clock. Milliseconds. */
  readonly atMs: number;
  /** Time since the previous sample. */
  readonly ms: number;
  /** 0 normal, 1 reduced, 2 minimal. */
  readonly level: number;
  /** Tools with anything to report. */
  readonly tools: Readonly<Record<string, ToolSample>>;
  readonly machines: Readonly<Record<string, MachineSample>>;
  /** Runs admitted in the interval, by the hash of their definition. */
  readonly admitted: Readonly<Record<string, number>>;
  /** The same for the time before, in which nobody sampled. Default: none. */
  readonly unseen?: Readonly<Record<string, number>>;
}

/** State carried from one sample to the next. */
export interface Remembered {
  readonly atMs: number;
  readonly waiting: Readonly<Record<string, number>>;
  readonly blocked: Readonly<Record<string, number>>;
  /** Runs admitted while nobody sampled, by the hash of their definition. Default: none. */
  readonly unseen?: Readonly<Record<string, number>>;
}

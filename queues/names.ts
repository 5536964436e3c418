import { createHash } from "node:crypto";

import { TuttiError } from "../config/index.ts";

/**
 * Builds every name in Redis. BullMQ's keys are `<prefix>:<queue>:<what>`, Tutti's are `<prefix>.<what>:<id>`, so the
 * two never collide. The hash tag in the prefix keeps all keys of a deployment on one shard.
 */

/** Queues of jobs that call no tool. They have no limits and are never paused. */
export const CONTROL_QUEUES = {
  /** One job per run: the root of its tree. */
  run: "tutti.run",
  /** One job per forEach step. It feeds the items to the tool's queue. */
  each: "tutti.each",
  /** Steps that wait for somebody outside: approvals, times, events. */
  wait: "tutti.wait",
  /** Steps that run another workflow. */
  sub: "tutti.sub",
  /** Wakes schedules. */
  schedule: "tutti.schedule",
  /** Starts the runs of triggers. */
  trigger: "tutti.trigger",
  /** Duties: retention and repair, run on a schedule. */
  duty: "tutti.duty",
} as const;

/** Prefix of Tutti's own queues. Tool ids may not begin with it. */
export const CONTROL_PREFIX = "tutti.";

/** Separates tool and key in the name of a lane. Tool ids do not contain it. */
const LANE_MARK = "@";
/** Longest part of a key in the name of a lane. Characters. */
const LANE_CHARS = 20;
/** Digits of the hash that distinguishes keys. Enough for a million keys without a collision. */
const LANE_DIGITS = 12;

/** The queue for calls of a tool with one key. BullMQ refuses `:`, and people should recognize the key. */
export function laneOf(tool: string, key: string): string {
  const shown = key.replaceAll(/[^A-Za-z0-9_-]/g, "-").slice(0, LANE_CHARS);
  const hash = createHash("sha256").update(key).digest("hex").slice(0, LANE_DIGITS);
  return `${tool}${LANE_MARK}${shown}-${hash}`;
}

export function isLane(queue: string): boolean {
  return queue.includes(LANE_MARK);
}

/** The tool of a queue, which is a lane or the tool's own queue. */
export function toolOfQueue(queue: string): string {
  const at = queue.indexOf(LANE_MARK);
  return at === -1 ? queue : queue.slice(0, at);
}

/** Part of a job id. BullMQ refuses `:`, and `.` separates the parts. */
const PART = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether a workflow id, run id or step id can be part of a job id. */
export function isIdPart(value: string): boolean {
  return PART.test(value);
}

/** `isIdPart` in words, for error messages. */
export const ID_PART_RULE = "1 to 64 characters of A-Z a-z 0-9 _ -";

/** What identifies the jobs of one run. */
export interface RunAddress {
  readonly workflowId: string;
  readonly runId: string;
  /** Number of resumptions of the run. Each epoch has its own jobs. */
  readonly epoch: number;
}

const base = (run: RunAddress): string => `${run.workflowId}.${run.runId}.${run.epoch}`;

export const jobIds = {
  /** The root job of a run. */
  run: (run: RunAddress): string => base(run),
  /** A step. */
  step: (run: RunAddress, stepId: string): string => `${base(run)}.${stepId}`,
  /** An item of a forEach step. */
  item: (run: RunAddress, stepId: string, index: number): string =>
    `${base(run)}.${stepId}.${index}`,
  /** The compensation of a step or an item. */
  undo: (run: RunAddress, slot: string): string => `${base(run)}.${slot}.undo`,
  /** The call of the n-th alternative of a step or item, counted from 1. */
  alternative: (run: RunAddress, slot: string, n: number): string => `${base(run)}.${slot}.alt${n}`,
  /** The root of the jobs that undo a run. */
  undoing: (run: RunAddress): string => `${base(run)}.undo`,
};

/** The keys of one deployment. */
export class Keys {
  readonly prefix: string;

  constructor(prefix: string) {
    // Scripts find the prefix of a record's key by this mark.
    if (prefix.includes(".run:"))
      throw new TuttiError("config_invalid", `expected a prefix without ".run:", got: ${prefix}`);
    this.prefix = prefix;
  }

  /** The record of a run: a hash (see run-record.ts). */
  run(runId: string): string {
    return `${this.prefix}.run:${runId}`;
  }
  /** A compiled workflow by content hash: a hash with `json`, `refs` and what its runs share. */
  definition(hash: string): string {
    return `${this.prefix}.def:${hash}`;
  }
  /** A value too large for the record. */
  value(runId: string, field: string): string {
    return `${this.prefix}.val:${runId}:${field}`;
  }
  /** The same, before its step's ending is written. */
  draft(runId: string, field: string, name: string): string {
    return `${this.value(runId, field)}~${name}`;
  }
  /** The items of a forEach step: a hash from index to value. */
  items(runId: string, stepId: string): string {
    return `${this.prefix}.items:${runId}:${stepId}`;
  }
  /** All runs, scored by submission time. */
  get runs(): string {
    return `${this.prefix}.runs`;
  }
  /** Runs that have not ended, scored by their deadline. */
  get open(): string {
    return `${this.prefix}.open`;
  }
  /** Ended runs, scored by when they ended. `kept` separates those that are kept longer. */
  ended(tenant: string, kept: "done" | "failed"): string {
    return `${this.prefix}.${kept}:${tenant}`;
  }
  /** Open runs with a step that waits for this event. */
  listeners(event: string): string {
    return `${this.prefix}.listeners:${event}`;
  }
  /** Slots of a run that stand aside because the run is held or has no place. */
  parked(runId: string): string {
    return `${this.prefix}.parked:${runId}`;
  }
  /** Runs of a tenant that wait for their turn, the next one first. */
  waiting(tenant: string): string {
    return `${this.prefix}.waiting:${tenant}`;
  }
  /** Tenants with runs that wait for their turn. A tenant without any may still be listed. */
  get lines(): string {
    return `${this.prefix}.lines`;
  }
  /** Open runs that may need looking after, by their state and when somebody last looked: see parts/tended.lua. */
  get tended(): string {
    return `${this.prefix}.tended`;
  }
  /** Progress of the duties that do not look at everything in one pass: a hash by name. */
  get cursors(): string {
    return `${this.prefix}.cursors`;
  }
  /** Runs of a tenant that are at work. */
  admitted(tenant: string): string {
    return `${this.prefix}.admitted:${tenant}`;
  }
  /** Admitted runs whose jobs may be missing, scored by when another process may add them. */
  get adding(): string {
    return `${this.prefix}.adding`;
  }
  /** Version of the payloads of all existing jobs: see runs/upgrade.ts. */
  get payloads(): string {
    return `${this.prefix}.payloads`;
  }
  /** The run whose turn it is for each serial key: a hash. */
  get serial(): string {
    return `${this.prefix}.serial`;
  }
  /** The runs behind it. */
  serialLine(word: string): string {
    return `${this.prefix}.serial:${word}`;
  }
  /** Steps of a run that wait for a place among its calls. */
  width(runId: string): string {
    return `${this.prefix}.width:${runId}`;
  }
  /** Failed steps that somebody may want to retry, of all tenants or of one: `<run> <slot>`, scored by failure time. */
  dead(tenant?: string): string {
    return tenant === undefined ? `${this.prefix}.dead` : `${this.prefix}.dead:${tenant}`;
  }
  /** Tenants that ever submitted. */
  get tenants(): string {
    return `${this.prefix}.tenants`;
  }
  /** Ids of registered workflows, in alphabetical order. */
  get workflows(): string {
    return `${this.prefix}.workflows`;
  }
  /** A registered workflow: a hash of `current`, and `v:<hash>` and `d:<hash>` of each version. */
  workflow(workflowId: string): string {
    return `${this.prefix}.workflow:${workflowId}`;
  }
  /** Ids of schedules, in alphabetical order. */
  get schedules(): string {
    return `${this.prefix}.schedules`;
  }
  /** A schedule: a hash of `spec`, plans and counts. */
  schedule(scheduleId: string): string {
    return `${this.prefix}.schedule:${scheduleId}`;
  }
  /** The last firings of a schedule, newest first. */
  scheduleHistory(scheduleId: string): string {
    return `${this.prefix}.schedule-history:${scheduleId}`;
  }
  /** Triggers: a hash from id to JSON. */
  get triggers(): string {
    return `${this.prefix}.triggers`;
  }
  /** The state of a trigger: its latest event while it is debounced, and counts. */
  trigger(triggerId: string): string {
    return `${this.prefix}.trigger:${triggerId}`;
  }
  /** A delivered event with a key. */
  event(eventId: string): string {
    return `${this.prefix}.event:${eventId}`;
  }
  /** The gate's own hash. Its other keys begin with this one. */
  get gate(): string {
    return `${this.prefix}.gate`;
  }
  /** Jobs that the gate lets pass because they will not call their tool. */
  get free(): string {
    return `${this.gate}.free`;
  }
  /** What was learned about tools and machines. */
  get learned(): string {
    return `${this.gate}.learned`;
  }
  /** Counts of failures, which decide the level. */
  get counted(): string {
    return `${this.gate}.counted`;
  }
  /** The last usage report of each machine. */
  get usage(): string {
    return `${this.gate}.usage`;
  }
  /** Channel that tells a process that a tool may start there. */
  wake(process: string): string {
    return `${this.gate}.wake:${process}`;
  }
  /** Channel for troubles of tools and upstreams that begin or end. */
  get troubles(): string {
    return `${this.gate}.troubles`;
  }
  /** Lanes that are served, scored by last use. */
  get lanes(): string {
    return `${this.prefix}.lanes`;
  }
  /** Channel that tells workers of new and dropped lanes. */
  get laneChanges(): string {
    return `${this.prefix}.lanes.changes`;
  }
  /** Samples of queues and machines: a stream. */
  get samples(): string {
    return `${this.prefix}.samples`;
  }
  /** The process that samples. */
  get sampler(): string {
    return `${this.samples}.lead`;
  }
  /** State carried from the last sample to the next. */
  get remembered(): string {
    return `${this.samples}.before`;
  }
  /** Reports of processes since the last sample: a stream. */
  get readings(): string {
    return `${this.samples}.readings`;
  }
  /** The optimizer's state between passes. */
  get optimizer(): string {
    return `${this.prefix}.optimizer`;
  }
  /** The report of its last pass. */
  get optimizerReport(): string {
    return `${this.optimizer}.report`;
  }
  /** Its changes and their results: a stream. */
  get optimizerAudit(): string {
    return `${this.optimizer}.audit`;
  }
  /** The canary's last results. */
  get canary(): string {
    return `${this.prefix}.canary`;
  }
  /** Keys of kept results, scored by expiry. */
  get results(): string {
    return `${this.prefix}.results`;
  }
  /** The result of a call: its time, and JSON. */
  result(call: string): string {
    return `${this.prefix}.result:${call}`;
  }
  /** Written now and then to check whether Redis accepts writes. */
  get probe(): string {
    return `${this.prefix}.probe`;
  }
  /** Written by each process to check whether earlier writes are kept: see connection/durability.ts. */
  get kept(): string {
    return `${this.prefix}.kept`;
  }
  /** The last pass of each background duty: a hash by name. */
  get duties(): string {
    return `${this.prefix}.duties`;
  }
  /** The pass of a duty that is underway. */
  duty(name: string): string {
    return `${this.prefix}.duty:${name}`;
  }
  /** Workers, scored by their last sign of life. */
  get workers(): string {
    return `${this.prefix}.workers`;
  }
  /** What each worker reports about itself. */
  get workerInfo(): string {
    return `${this.prefix}.worker-info`;
  }
  /** Channel of one run's transitions. */
  events(runId: string): string {
    return `${this.prefix}.events:${runId}`;
  }
  /** Channel on which workers hear of cancellations. */
  get control(): string {
    return `${this.prefix}.control`;
  }
}

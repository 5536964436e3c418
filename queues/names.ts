import { createHash } from "node:crypto";

import { TuttiError } from "../config/index.ts";

/**
 * Every name in Redis is built here. BullMQ's keys are `<prefix>:<queue>:<what>`, ours are
 * `<prefix>.<what>:<id>`, so the two can never meet, and the hash tag in the prefix keeps all keys
 * of a deployment on one shard.
 */

/** Queues of the jobs that call no tool. They have no limits and are never paused. */
export const CONTROL_QUEUES = {
  /** One job per run: the root of its tree. */
  run: "tutti.run",
  /** One job per forEach step: it feeds its items to the tool's queue. */
  each: "tutti.each",
  /** Steps that wait for somebody outside: approvals, times, events. */
  wait: "tutti.wait",
  /** Steps that are a run of another workflow. */
  sub: "tutti.sub",
  /** Wakes schedules. */
  schedule: "tutti.schedule",
  /** Starts the runs of triggers. */
  trigger: "tutti.trigger",
  /** Duties: retention and repair, run on a schedule. */
  duty: "tutti.duty",
} as const;

/** Names of queues that are ours start like this; tool ids may not. */
export const CONTROL_PREFIX = "tutti.";

/** Separates the tool from the key in the name of a lane; ids of tools have none. */
const LANE_MARK = "@";
/** What a lane shows of its key at most. Characters. */
const LANE_CHARS = 20;
/** Digits of the hash that tell keys apart: no two of a million keys have the same. */
const LANE_DIGITS = 12;

/** The queue of the calls of a tool with one key. BullMQ refuses `:`, and people want to recognize the key. */
export function laneOf(tool: string, key: string): string {
  const shown = key.replaceAll(/[^A-Za-z0-9_-]/g, "-").slice(0, LANE_CHARS);
  const hash = createHash("sha256").update(key).digest("hex").slice(0, LANE_DIGITS);
  return `${tool}${LANE_MARK}${shown}-${hash}`;
}

export function isLane(queue: string): boolean {
  return queue.includes(LANE_MARK);
}

/** The tool whose jobs wait in a queue: a lane, or the tool's own. */
export function toolOfQueue(queue: string): string {
  const at = queue.indexOf(LANE_MARK);
  return at === -1 ? queue : queue.slice(0, at);
}

/** Parts of a job id: BullMQ refuses `:`, and `.` separates the parts. */
const PART = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether a workflow id, run id or step id can be a part of a job id. */
export function isIdPart(value: string): boolean {
  return PART.test(value);
}

/** `isIdPart` in words, for error messages. */
export const ID_PART_RULE = "1 to 64 characters of A-Z a-z 0-9 _ -";

/** What identifies the jobs of one run. */
export interface RunAddress {
  readonly workflowId: string;
  readonly runId: string;
  /** Counts the resumptions of a run; each has its own jobs. */
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
  /** What undoes a step, or an item. */
  undo: (run: RunAddress, slot: string): string => `${base(run)}.${slot}.undo`,
  /** The call of the n-th alternative of a step or item, counted from 1. */
  alternative: (run: RunAddress, slot: string, n: number): string => `${base(run)}.${slot}.alt${n}`,
  /** The root of what undoes a run. */
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
  /** A compiled workflow by content hash: a hash of `json` and `refs`. */
  definition(hash: string): string {
    return `${this.prefix}.def:${hash}`;
  }
  /** A value that is too large for the record. */
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
  /** All runs, scored by the time of submission. */
  get runs(): string {
    return `${this.prefix}.runs`;
  }
  /** Runs that have not ended, scored by their deadline. */
  get open(): string {
    return `${this.prefix}.open`;
  }
  /** Runs that ended, scored by when; `kept` separates those that are kept longer. */
  ended(tenant: string, kept: "done" | "failed"): string {
    return `${this.prefix}.${kept}:${tenant}`;
  }
  /** Open runs with a step that waits for this event. */
  listeners(event: string): string {
    return `${this.prefix}.listeners:${event}`;
  }
  /** Jobs of a run that wait because it is held. */
  parked(runId: string): string {
    return `${this.prefix}.parked:${runId}`;
  }
  /** Runs of a tenant that wait for their turn, the next first. */
  waiting(tenant: string): string {
    return `${this.prefix}.waiting:${tenant}`;
  }
  /** Tenants with runs that wait for their turn; one of which none waits any more may still be here. */
  get lines(): string {
    return `${this.prefix}.lines`;
  }
  /** Open runs that may need somebody, by what they are at and when they were looked at last: see parts/tended.lua. */
  get tended(): string {
    return `${this.prefix}.tended`;
  }
  /** How far the duties are that do not look at everything in one pass: a hash by name. */
  get cursors(): string {
    return `${this.prefix}.cursors`;
  }
  /** Runs of a tenant that are at work. */
  admitted(tenant: string): string {
    return `${this.prefix}.admitted:${tenant}`;
  }
  /** Admitted runs whose jobs are not known to be there, scored by when whoever adds them counts as gone. */
  get adding(): string {
    return `${this.prefix}.adding`;
  }
  /** Version of the payloads of all jobs that are there: see runs/upgrade.ts. */
  get payloads(): string {
    return `${this.prefix}.payloads`;
  }
  /** Who has the turn among the runs that go one after another: a hash by their word. */
  get serial(): string {
    return `${this.prefix}.serial`;
  }
  /** Those behind it. */
  serialLine(word: string): string {
    return `${this.prefix}.serial:${word}`;
  }
  /** Steps of a run that wait for a place among its calls. */
  width(runId: string): string {
    return `${this.prefix}.width:${runId}`;
  }
  /** Failed steps that somebody may want to try again, of all tenants or of one: `<run> <slot>`, scored by when. */
  dead(tenant?: string): string {
    return tenant === undefined ? `${this.prefix}.dead` : `${this.prefix}.dead:${tenant}`;
  }
  /** Tenants that ever submitted. */
  get tenants(): string {
    return `${this.prefix}.tenants`;
  }
  /** Ids of registered workflows, in the order of the alphabet. */
  get workflows(): string {
    return `${this.prefix}.workflows`;
  }
  /** A registered workflow: a hash of `current`, and `v:<hash>` and `d:<hash>` of each version. */
  workflow(workflowId: string): string {
    return `${this.prefix}.workflow:${workflowId}`;
  }
  /** Ids of schedules, in the order of the alphabet. */
  get schedules(): string {
    return `${this.prefix}.schedules`;
  }
  /** A schedule: a hash of `spec`, what is planned and what was counted. */
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
  /** What happened to a trigger: its latest event while it is debounced, and counts. */
  trigger(triggerId: string): string {
    return `${this.prefix}.trigger:${triggerId}`;
  }
  /** An event with a key that was delivered. */
  event(eventId: string): string {
    return `${this.prefix}.event:${eventId}`;
  }
  /** What the gate keeps once for all; its other keys start with this one. */
  get gate(): string {
    return `${this.prefix}.gate`;
  }
  /** Jobs that it lets pass, because they will not call their tool. */
  get free(): string {
    return `${this.gate}.free`;
  }
  /** What was learned of tools and machines. */
  get learned(): string {
    return `${this.gate}.learned`;
  }
  /** What was counted of failures, for the level at which the deployment works. */
  get counted(): string {
    return `${this.gate}.counted`;
  }
  /** What machines said last of how they are used. */
  get usage(): string {
    return `${this.gate}.usage`;
  }
  /** Where a process hears that a tool may start there. */
  wake(process: string): string {
    return `${this.gate}.wake:${process}`;
  }
  /** Where it is told that a tool or an upstream has come into trouble, or out of it. */
  get troubles(): string {
    return `${this.gate}.troubles`;
  }
  /** Lanes that are served, scored by when they were last used. */
  get lanes(): string {
    return `${this.prefix}.lanes`;
  }
  /** Where workers hear that there is a lane more, or one less. */
  get laneChanges(): string {
    return `${this.prefix}.lanes.changes`;
  }
  /** Readings of queues and machines: a stream. */
  get samples(): string {
    return `${this.prefix}.samples`;
  }
  /** Which process takes them. */
  get sampler(): string {
    return `${this.samples}.lead`;
  }
  /** What it has to know of the last one. */
  get remembered(): string {
    return `${this.samples}.before`;
  }
  /** What processes said since then: a stream. */
  get readings(): string {
    return `${this.samples}.readings`;
  }
  /** What the optimizer remembers from one pass to the next. */
  get optimizer(): string {
    return `${this.prefix}.optimizer`;
  }
  /** What its last pass saw. */
  get optimizerReport(): string {
    return `${this.optimizer}.report`;
  }
  /** What it changed, and what came of it: a stream. */
  get optimizerAudit(): string {
    return `${this.optimizer}.audit`;
  }
  /** The canary's last results. */
  get canary(): string {
    return `${this.prefix}.canary`;
  }
  /** Keys of results that are kept, scored by when they go. */
  get results(): string {
    return `${this.prefix}.results`;
  }
  /** The result of a call: when it came, and JSON. */
  result(call: string): string {
    return `${this.prefix}.result:${call}`;
  }
  /** Written now and then, to see whether Redis takes it. */
  get probe(): string {
    return `${this.prefix}.probe`;
  }
  /** Written by each process, to see whether what came before is kept: see connection/durability.ts. */
  get kept(): string {
    return `${this.prefix}.kept`;
  }
  /** How each background duty went last: a hash by name. */
  get duties(): string {
    return `${this.prefix}.duties`;
  }
  /** The pass of a duty that is underway. */
  duty(name: string): string {
    return `${this.prefix}.duty:${name}`;
  }
  /** Workers, scored by when they were last heard of. */
  get workers(): string {
    return `${this.prefix}.workers`;
  }
  /** What each worker said of itself. */
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

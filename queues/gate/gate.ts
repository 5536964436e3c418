import type { Redis } from "ioredis";

import { readJson, given } from "../../config/index.ts";
import { Gather } from "../connection/gather.ts";
import { defineScripts, script } from "../connection/index.ts";
import type { StepLimits } from "../definition.ts";
import type { Keys } from "../names.ts";
import type { GateChanges } from "./changes.ts";
import type { EncodedDeclaration } from "./declaration.ts";
import { declarationsOf, type Declarations, type DeclarationTexts } from "./disagreements.ts";
import type { GateOperation } from "./gate-operations.ts";
import {
  healthOf,
  levelOf,
  levelViewOf,
  type Health,
  type HealthTexts,
  type Level,
  type LevelTexts,
  type LevelView,
} from "./level.ts";
import type { Acquired, CallEnd, Caller, CallSum, EndedWell, Grant, Renewed } from "./permit.ts";
import { GateReader } from "./reader.ts";
import { OF_CALLS } from "./scripts/constants.ts";
import { CALLS, GATE } from "./scripts/generated.ts";
import { decodeExplained, type Explained, type ExplainedAnswer } from "./stored/explained.ts";
import { listed } from "./stored/limits.ts";
import { encodeMachine } from "./stored/machines.ts";
import {
  observedOf,
  seenOf,
  type Busy,
  type Observed,
  type ObservedTexts,
  type Seen,
  type SeenTexts,
} from "./stored/observed.ts";
import { decodeSnapshot, type GateSnapshot, type SnapshotTexts } from "./stored/snapshot.ts";

type GrantAnswer = [
  "granted",
  id: string,
  take: StepLimits | false,
  guardMs: number,
  handOns?: number,
];
type AcquireAnswer =
  | GrantAnswer
  | ["free", job: string]
  | ["empty", dueInMs: number]
  | ["refused", waitMs: number, reason: string]
  | ["open"]
  | ["paused"]
  | ["unknown"];

const grantOf = ([, permit, take, guardMs, handOns = 0]: GrantAnswer): Grant => ({
  permit,
  take: take === false ? null : take,
  guardMs,
  ...(handOns === 0 ? {} : { handOns: handOns < 0 ? Infinity : handOns }),
});

const takeOf = (take: StepLimits | null) => (take === null ? {} : { take });

/** Most operations in one call of the script. */
const MAX_OPERATIONS = 100;

/** Most jobs that one operation marks. */
const MAX_PASSED = 200;

type Asked = [gate: string, prefix: string, operations: string, nowMs: number];

const SCRIPTS = {
  gate: script<Asked, string>("tuttiGate", GATE, { keys: 1 }),
  /** Null when the whole gate must be asked. */
  calls: script<Asked, string | null>("tuttiCalls", CALLS, { keys: 1 }),
};

/** The state of the gate, shared by all processes of a deployment. Every operation is atomic. */
export class Gate extends GateReader {
  readonly #gather: Gather<GateOperation, unknown>;

  /** `now` is a clock for tests. Default: Redis' own. */
  constructor(redis: Redis, keys: Keys, now: () => number = () => 0) {
    super(redis, keys);
    const { gate, calls } = defineScripts(redis, keys.prefix, SCRIPTS);
    this.#gather = new Gather(MAX_OPERATIONS, async (operations) => {
      const asked: Asked = [keys.gate, keys.prefix, JSON.stringify(operations), now()];
      const isOfCalls = operations.every(({ op }) => op in OF_CALLS);
      const answer = isOfCalls ? await calls(...asked) : null;
      return readJson<unknown[]>(answer ?? (await gate(...asked)));
    });
  }

  /** Asks for a permit for the next job of a tool's queue. A refused caller stands in line. */
  async acquire(tool: string, { machine, process }: Caller): Promise<Acquired> {
    const answer = await this.#do<AcquireAnswer>({ op: "acquire", tool, machine, process });
    switch (answer[0]) {
      case "granted":
        return { status: "granted", ...grantOf(answer) };
      case "free":
        return { status: "free", job: answer[1] };
      case "empty":
        return { status: "empty", dueInMs: answer[1] };
      case "refused":
        return { status: "refused", waitMs: answer[1], reason: answer[2] };
      case "open":
      case "paused":
      case "unknown":
        return { status: answer[0] };
    }
  }

  /**
   * Gives a permit back. With `next` it also asks for one for the next job of the same queue, and puts up to `arrange`
   * jobs in fair order behind it. Returns `null` when it is not this tool's turn, or when the permit was already gone.
   */
  async release(
    permit: string,
    end: CallEnd,
    next?: Caller & { readonly tool: string; readonly arrange?: number },
  ): Promise<Grant | null> {
    const answer = await this.#do<GrantAnswer | ["done"] | ["gone"]>({
      op: "swap",
      permit,
      call: end,
      ...given({ next }),
    });
    return answer[0] === "granted" ? grantOf(answer) : null;
  }

  /**
   * Reports calls that went well and whose permits were handed on.
   *
   * @param before the answer to the report before this one. It tells how many calls were underway meanwhile.
   */
  async ended(
    queue: string,
    machine: string,
    calls: readonly EndedWell[],
    before?: CallSum,
  ): Promise<CallSum> {
    const times = calls.map(({ ms, own }) => [Math.round(ms), own ? 1 : 0] as const);
    return this.#do({ op: "ended", queue, machine, times, ...given({ before }) });
  }

  /** Reports which job holds a permit that was handed on, and for how long. */
  async handed(permit: string, job: string, ms: number): Promise<void> {
    await this.#do({ op: "handed", permit, job, ms: Math.round(ms) });
  }

  /** Puts the next jobs of a queue in fair order. Returns how many it moved; 0 when they already are in order. */
  arrange(queue: string, count: number): Promise<number> {
    return this.#do({ op: "arrange", queue, count });
  }

  /** Changes a permit to what its job takes. Null when that does not fit; the permit is then gone. */
  async amend(permit: string, take: StepLimits | null): Promise<Grant | null> {
    const answer = await this.#do<GrantAnswer | ["refused"]>({
      op: "amend",
      permit,
      ...takeOf(take),
    });
    return answer[0] === "granted" ? grantOf(answer) : null;
  }

  /** Reports that the call goes out now. Returns 0, or the milliseconds it must wait for its place in a rate. */
  stamp(permit: string): Promise<number> {
    return this.#do({ op: "stamp", permit });
  }

  /** Reports the end of a call that needed no permit. */
  async report(
    tool: string,
    machine: string,
    call: CallEnd & { readonly underway?: number; readonly count?: number },
  ): Promise<void> {
    await this.#do({ op: "report", tool, machine, call });
  }

  /**
   * A process starts work on its machine. Capacities are in millionths by resource; `*` is all others, -1 is unbounded.
   */
  async register(
    { machine, process }: Caller,
    leaseMs: number,
    capacity: Readonly<Record<string, number>>,
  ): Promise<void> {
    await this.#do({ op: "register", machine, process, leaseMs, capacity });
  }

  /**
   * Stores what a process's catalogue declares while the process lives. Returns how many different catalogues living
   * processes have.
   */
  declare({ process }: Caller, { hash, fields }: EncodedDeclaration): Promise<number> {
    return this.#do({ op: "declare", process, hash, fields });
  }

  /** The catalogues of living workers, and where they differ. */
  async declarations(): Promise<Declarations> {
    return declarationsOf(await this.#do<DeclarationTexts>({ op: "declarations" }));
  }

  /** Renews a process's lease on its permits. */
  async renew({ machine, process }: Caller, leaseMs: number): Promise<Renewed> {
    type Answer = [known: number, permits: readonly string[] | Readonly<Record<string, never>>];
    const [known, permits] = await this.#do<Answer>({ op: "renew", process, machine, leaseMs });
    return { known: known === 1, permits: listed(permits) };
  }

  /**
   * Counts a call again after the gate lost its permit. `underwayMs` is how long it has been underway. Null when the
   * tool has no limits.
   */
  async adopt(
    tool: string,
    { machine, process }: Caller,
    take: StepLimits | null,
    underwayMs: number,
  ): Promise<Grant | null> {
    const answer = await this.#do<GrantAnswer | ["refused"]>({
      op: "adopt",
      tool,
      machine,
      process,
      ...takeOf(take),
      underwayMs: Math.max(0, Math.round(underwayMs)),
    });
    return answer[0] === "granted" ? grantOf(answer) : null;
  }

  /** A process leaves and frees what it held. */
  async leave({ machine, process }: Caller): Promise<void> {
    await this.#do({ op: "leave", process, machine });
  }

  /** A process stops serving a lane and frees its claims and offers there. */
  async leaveLane(queue: string, { machine, process }: Caller): Promise<void> {
    await this.#do({ op: "leaveLane", process, machine, queue });
  }

  /** Forgets the rate windows of lanes that have passed. */
  async dropPassedLaneWindows(): Promise<void> {
    // One page at a time, so that Redis can serve others in between.
    while (await this.#do<boolean>({ op: "dropLaneWindows" }));
  }

  /** Changes limits, capacities or the level. It takes effect at once, also for waiting claims. */
  async configure({ machines, ...changes }: GateChanges): Promise<void> {
    const fields = Object.entries(machines ?? {}).map(([name, one]) => [name, encodeMachine(one)]);
    const encoded = { ...changes, machines: Object.fromEntries(fields) };
    await this.#do({ op: "configure", changes: encoded });
  }

  /** Marks jobs that will not call their tool. They wait for nothing and do not count. */
  async pass(jobs: readonly { readonly queue: string; readonly jobId: string }[]): Promise<void> {
    for (let from = 0; from < jobs.length; from += MAX_PASSED) {
      const some = jobs
        .slice(from, from + MAX_PASSED)
        .map(({ queue, jobId }) => ({ queue, job: jobId }));
      // One batch at a time, so that Redis can serve others in between.
      await this.#do({ op: "pass", jobs: some });
    }
  }

  /** Removes the marks of jobs that have come or are gone. */
  async passed(jobIds: readonly string[]): Promise<void> {
    for (let from = 0; from < jobIds.length; from += MAX_PASSED)
      await this.#do({ op: "passed", jobs: jobIds.slice(from, from + MAX_PASSED) });
  }

  /** What keeps the next job of a tool, or one job, on each machine. Decided as for a worker that asks. */
  async explain(tool: string, job = ""): Promise<Explained> {
    return decodeExplained(await this.#do<ExplainedAnswer>({ op: "explain", tool, job }));
  }

  /** What happened since the last call of this. The first call starts the recording. */
  async observe(): Promise<Observed> {
    return observedOf(await this.#do<ObservedTexts>({ op: "observe" }));
  }

  /** How long each tool has held permits on a machine, in total. */
  busy(machine: string): Promise<Busy> {
    return this.#do({ op: "busy", machine });
  }

  /** The current state of queues and machines. */
  async sample(): Promise<Seen> {
    return seenOf(await this.#do<SeenTexts>({ op: "sample" }));
  }

  /** The level and its latest changes. */
  async level(changes = 20): Promise<LevelView> {
    return levelViewOf(await this.#do<LevelTexts>({ op: "level", count: changes }));
  }

  /** The level, if a tool rests at it; null if the tool is called. */
  async restsAt(tool: string): Promise<Level | null> {
    const level = await this.#do<number>({ op: "rests", tool });
    return level < 0 ? null : levelOf(level);
  }

  /** Changes the level according to failures. False when it has changed meanwhile or is fixed by hand. */
  async turnLevel(from: number, to: number, reason: string): Promise<boolean> {
    return (await this.#do<number>({ op: "turn", from, to, reason })) === 1;
  }

  async health(): Promise<Health> {
    return healthOf(await this.#do<HealthTexts>({ op: "health" }));
  }

  /** Everything the gate knows at this moment. */
  async show(): Promise<GateSnapshot> {
    return decodeSnapshot(await this.#do<SnapshotTexts>({ op: "show" }));
  }

  async #do<T>(operation: GateOperation): Promise<T> {
    return (await this.#gather.add(operation)) as T;
  }
}

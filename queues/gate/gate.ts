import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { StepLimits } from "../definition.ts";
import type { Keys } from "../names.ts";
import { Gather } from "../runs/gather.ts";
import type { Explained } from "./explained.ts";
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
import type { BudgetLimits, ToolLimits } from "./limits.ts";
import { GATE_SCRIPT } from "./scripts/operations.ts";

/** What the end of a call says about the service behind its tool. */
export type CallClass =
  /** It answered; what it said may still be a failure of the step. */
  | "ok"
  /** It asked to be left alone (429). */
  | "limited"
  /** Timeout, connection error, 5xx. */
  | "down"
  /** The call says nothing about it: it was cancelled, or never made. */
  | "none";

/** How a call ended, for the gate. */
export interface CallEnd {
  readonly class: CallClass;
  /** With `limited`: how long the service asked for. Milliseconds; 0 when it did not say. */
  readonly retryAfterMs?: number;
  /** Units really used, by budget. */
  readonly actual?: Readonly<Record<string, number>>;
  /** The call was not made: what it took of rates is given back. */
  readonly unused?: boolean;
}

/** A process on a machine, as the gate knows it. */
export interface Caller {
  readonly machine: string;
  readonly process: string;
}

/** A permit that was given. */
export interface Grant {
  readonly permit: string;
  /** What the job it was given for says instead of its tool. */
  readonly take: StepLimits | null;
  /** A call that goes out later than this after the grant may break a rate; 0: it takes of none. Milliseconds. */
  readonly guardMs: number;
}

/** What came of asking for a permit. */
export type Acquired =
  | ({ readonly status: "granted" } & Grant)
  /** The tool takes nothing. */
  | { readonly status: "open" }
  /** The next job will not call its tool; it takes nothing. */
  | { readonly status: "free"; readonly job: string }
  | { readonly status: "paused" }
  /** No job waits; the next delayed one is due after so long, 0 when there is none. */
  | { readonly status: "empty"; readonly dueInMs: number }
  /** The process has no lease (any more), and has to register first. */
  | { readonly status: "unknown" }
  /** Not now. `waitMs`: what passes with time has passed then; 0 when nothing of that kind. */
  | { readonly status: "refused"; readonly waitMs: number; readonly reason: string };

/** What a process hears that keeps its permits. */
export interface Renewed {
  /** False when they were taken back because it was late, or when Redis has lost them. */
  readonly known: boolean;
  /** The permits that are in its name, but for offers. */
  readonly permits: readonly string[];
}

/** A layer over what a tool or a budget declares; later ones win. */
export type Layer = "declared" | "learned" | "set";

/** The limits of a tool, and what was learned of it. */
export interface GatedLimits extends ToolLimits {
  /** Calls at once that the service behind it was seen to carry; false: it has shown no bound. */
  readonly cap?: number | false;
  /** How long a call takes. Milliseconds. */
  readonly serviceMs?: number;
  /** Somebody else's service is behind it: how many calls at once it takes is worth learning. */
  readonly external?: boolean;
}

/** Changes of what the gate goes by. `false` takes a layer away. */
export interface GateChanges {
  readonly tools?: Readonly<Record<string, Partial<Record<Layer, Partial<GatedLimits> | false>>>>;
  readonly budgets?: Readonly<Record<string, Partial<Record<Layer, BudgetLimits | false>>>>;
  /** Fields of machines: `c:<resource>` capacity, `b:<resource>` background, in millionths; `hot`. */
  readonly machines?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** 0 normal, 1 reduced, 2 minimal: fixed there, whatever fails. `auto`: what fails decides again. */
  readonly level?: number | "auto";
  /** Who says so, for the audit, and for how long. Default: an operator, until told otherwise. */
  readonly levelBy?: {
    readonly who: string;
    readonly reason?: string;
    /** Milliseconds since 1970. */
    readonly untilMs?: number;
  };
}

/** Everything the gate knows, as it stands in Redis: texts by name. */
export type Shown = Readonly<Record<GateTable, Readonly<Record<string, string>>>> & {
  readonly now: number;
  readonly level: number;
  readonly machines: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly claims: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Jobs that run, by tool with a permit. */
  readonly active: Readonly<Record<string, readonly string[]>>;
};

/** What has happened at the gate for some time. */
export interface Observed {
  readonly now: number;
  /** For how long each tool has held permits on each machine, in all. Milliseconds. */
  readonly busy: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Jobs that wait, by tool with a service of others behind it. */
  readonly waiting: Readonly<Record<string, number>>;
  /** What machines said of themselves: JSON by machine. */
  readonly usage: Readonly<Record<string, string>>;
  readonly calls: readonly {
    readonly tool: string;
    readonly ms: number;
    /** Mean of the calls of the tool that were underway at its start and at its end, over all machines. */
    readonly concurrency: number;
    /** More of them waited. */
    readonly bound: boolean;
    /** It was sent away with a 429. */
    readonly limited: boolean;
    readonly atMs: number;
  }[];
}

type CallSample = [
  tool: string,
  ms: number,
  concurrency: number,
  bound: number,
  end: string,
  atMs: number,
];
type ObservedTexts = Omit<Observed, "calls"> & { readonly calls: readonly string[] };

type GateTable =
  | "processes"
  | "leases"
  | "permits"
  | "tools"
  | "budgets"
  | "used"
  | "troubles"
  | "drains"
  | "service"
  | "running"
  | "blocked"
  | "outcomes"
  | "toolLayers"
  | "budgetLayers";

type GrantAnswer = ["granted", id: string, take: StepLimits | false, guardMs: number];
type AcquireAnswer =
  | GrantAnswer
  | ["free", job: string]
  | ["empty", dueInMs: number]
  | ["refused", waitMs: number, reason: string]
  | ["open"]
  | ["paused"]
  | ["unknown"];

const grantOf = ([, permit, take, guardMs]: GrantAnswer): Grant => ({
  permit,
  take: take === false ? null : take,
  guardMs,
});

/** Lua cannot tell an empty list from an empty object. */
export function listed<T>(
  value: readonly T[] | Readonly<Record<string, T>> | undefined,
): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [];
}

type Operation = readonly [name: string, ...args: unknown[]];

/** Operations that one call of the script does at most. */
const MAX_OPERATIONS = 100;

/** Jobs that one operation marks at most. */
const MAX_PASSED = 200;

interface Commands {
  tuttiGate(...args: (string | number)[]): Promise<string>;
}

/** The state of the gate, shared by all processes of a deployment. Every operation is atomic. */
export class Gate {
  readonly #gather: Gather<Operation, unknown>;

  /** `now`: the clock of tests; by default Redis' own. */
  constructor(redis: Redis, keys: Keys, now: () => number = () => 0) {
    redis.defineCommand("tuttiGate", { lua: GATE_SCRIPT, numberOfKeys: 1 });
    const commands = redis as unknown as Commands;
    this.#gather = new Gather(MAX_OPERATIONS, async (operations) =>
      readJson<unknown[]>(
        await commands.tuttiGate(keys.gate, keys.prefix, JSON.stringify(operations), now()),
      ),
    );
  }

  /** Asks for a permit for the next job of a tool's queue. Refused, the caller stands in line. */
  async acquire(tool: string, { machine, process }: Caller): Promise<Acquired> {
    const answer = await this.#do<AcquireAnswer>("acquire", tool, machine, process);
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
   * Gives a permit back, and with `next` asks for one for the next job of the same queue. `null`: it is not
   * this tool's turn, or there was no such permit any more.
   */
  async release(
    permit: string,
    end: CallEnd,
    next?: Caller & { readonly tool: string },
  ): Promise<Grant | null> {
    const answer = await this.#do<GrantAnswer | ["done"] | ["gone"]>(
      "swap",
      permit,
      end,
      next ?? false,
    );
    return answer[0] === "granted" ? grantOf(answer) : null;
  }

  /** Changes a permit to what its job says it takes; null when that does not fit, and the permit is gone. */
  async amend(permit: string, take: StepLimits | null): Promise<Grant | null> {
    const answer = await this.#do<GrantAnswer | ["refused"]>("amend", permit, take ?? false);
    return answer[0] === "granted" ? grantOf(answer) : null;
  }

  /** Says that the call goes out now. 0, or how long it has to wait for its place in a rate. Milliseconds. */
  stamp(permit: string): Promise<number> {
    return this.#do("stamp", permit);
  }

  /** Says how a call ended that needed no permit. */
  async report(
    tool: string,
    machine: string,
    call: CallEnd & { readonly underway?: number; readonly count?: number },
  ): Promise<void> {
    await this.#do("report", tool, machine, call);
  }

  /** A process comes to work on its machine. Capacities in millionths by resource, `*` for all others; -1: no bound. */
  async register(
    { machine, process }: Caller,
    leaseMs: number,
    capacity: Readonly<Record<string, number>>,
  ): Promise<void> {
    await this.#do("register", machine, process, leaseMs, capacity);
  }

  /** Keeps the permits of a process. */
  async renew({ machine, process }: Caller, leaseMs: number): Promise<Renewed> {
    type Answer = [known: number, permits: readonly string[] | Readonly<Record<string, never>>];
    const [known, permits] = await this.#do<Answer>("renew", process, machine, leaseMs);
    return { known: known === 1, permits: listed(permits) };
  }

  /**
   * Counts a call again whose permit the gate has lost; `underwayMs`: for how long it has been underway. Null
   * when the tool has no limits.
   */
  async adopt(
    tool: string,
    { machine, process }: Caller,
    take: StepLimits | null,
    underwayMs: number,
  ): Promise<Grant | null> {
    const answer = await this.#do<GrantAnswer | ["refused"]>(
      "adopt",
      tool,
      machine,
      process,
      take ?? false,
      Math.max(0, Math.round(underwayMs)),
    );
    return answer[0] === "granted" ? grantOf(answer) : null;
  }

  /** A process goes; what it held is free. */
  async leave({ machine, process }: Caller): Promise<void> {
    await this.#do("leave", process, machine);
  }

  /** A process serves a lane no more; what it waited for there, or was offered, is free. */
  async part(queue: string, { machine, process }: Caller): Promise<void> {
    await this.#do("part", process, machine, queue);
  }

  /** Forgets the rate windows of lanes that have passed. */
  async fade(): Promise<void> {
    // One page after another, so that Redis is free for others in between.
    // oxlint-disable-next-line no-await-in-loop
    while (await this.#do<boolean>("fade"));
  }

  /** Changes limits, capacities or the level; takes effect at once, for those who wait too. */
  async configure(changes: GateChanges): Promise<void> {
    await this.#do("configure", changes);
  }

  /** Marks jobs that will not call their tool: they wait for nothing and count nowhere. */
  async pass(jobs: readonly { readonly queue: string; readonly jobId: string }[]): Promise<void> {
    for (let from = 0; from < jobs.length; from += MAX_PASSED) {
      const part = jobs.slice(from, from + MAX_PASSED).map(({ queue, jobId }) => [queue, jobId]);
      // One after another, so that Redis is free for others in between.
      // oxlint-disable-next-line no-await-in-loop
      await this.#do("pass", ...part);
    }
  }

  /** Takes the marks of jobs away: they have come, or are gone. */
  async passed(jobIds: readonly string[]): Promise<void> {
    for (let from = 0; from < jobIds.length; from += MAX_PASSED)
      // oxlint-disable-next-line no-await-in-loop
      await this.#do("passed", ...jobIds.slice(from, from + MAX_PASSED));
  }

  /** What keeps the next job of a tool, or a certain one, on each machine. Decided as for a worker that asks. */
  async explain(tool: string, job = ""): Promise<Explained> {
    const answer = await this.#do<Explained>("explain", tool, job);
    const machines = Object.entries(answer.machines).map(([name, reasons]) => [
      name,
      listed(reasons),
    ]);
    return {
      ...answer,
      machines: Object.fromEntries(machines) as Explained["machines"],
      ranks: listed(answer.ranks),
      others: listed(answer.others).map((other) => ({ ...other, ranks: listed(other.ranks) })),
      rates: listed(answer.rates),
    };
  }

  /** What has happened since the last call of this; from the first call on it is kept. */
  async observe(): Promise<Observed> {
    const { calls, ...seen } = await this.#do<ObservedTexts>("observe");
    return {
      ...seen,
      calls: Object.values(calls).map((text) => {
        const [tool, ms, concurrency, bound, end, atMs] = readJson<CallSample>(text);
        return { tool, ms, concurrency, bound: bound === 1, limited: end === "limited", atMs };
      }),
    };
  }

  /** The level, and its last changes. */
  async level(changes = 20): Promise<LevelView> {
    return levelViewOf(await this.#do<LevelTexts>("level", changes));
  }

  /** The level, if a tool rests at it; null when it is called. */
  async restsAt(tool: string): Promise<Level | null> {
    const level = await this.#do<number>("rests", tool);
    return level < 0 ? null : levelOf(level);
  }

  /** Turns the level as what fails asks for. False when it is another one meanwhile, or fixed by hand. */
  async turnLevel(from: number, to: number, reason: string): Promise<boolean> {
    return (await this.#do<number>("turn", from, to, reason)) === 1;
  }

  async health(): Promise<Health> {
    return healthOf(await this.#do<HealthTexts>("health"));
  }

  show(): Promise<Shown> {
    return this.#do("show");
  }

  async #do<T>(...operation: Operation): Promise<T> {
    return (await this.#gather.add(operation)) as T;
  }
}

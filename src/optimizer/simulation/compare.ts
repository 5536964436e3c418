import { given } from "../../../config/index.ts";
import { ownBudget } from "../../../queues/index.ts";
import type { ModelBudget, ModelRate, Recording } from "./recording.ts";
import { simulate, type Fared } from "./simulate.ts";

/** What is changed in the model. */
export interface ModelChange {
  readonly tools?: Readonly<
    Record<
      string,
      {
        readonly concurrency?: number | undefined;
        readonly rates?: readonly ModelRate[] | undefined;
      }
    >
  >;
  /** Machines in all; those that are added are like the last one. */
  readonly machines?: number;
}

/** A difference between two ways of one tool, over all plays. */
export interface Difference {
  readonly mean: number;
  /** 95 of 100 repetitions of as many plays would have their mean between. */
  readonly low: number;
  readonly high: number;
}

/** A tool with and without the change: means over the plays. */
export interface ToolComparison {
  readonly before: Fared;
  readonly after: Fared;
  /** More calls that end; less waiting from arrival to begin (ms), null where nothing began. */
  readonly ended: Difference;
  readonly waitMs: Difference | null;
}

/** Normal quantile of 0.975. */
const Z = 1.96;

/** The recording under other limits. Tools and machines that it does not know are left out. */
export function changed(recording: Recording, change: ModelChange): Recording {
  const tools = { ...recording.tools };
  const budgets: Record<string, ModelBudget> = { ...recording.budgets };
  for (const [name, { concurrency, rates }] of Object.entries(change.tools ?? {})) {
    const tool = tools[name];
    if (tool === undefined) continue;
    const own = ownBudget(name);
    const before = budgets[own] ?? { rates: [] };
    budgets[own] = {
      ...before,
      ...given({ slots: concurrency, rates }),
    };
    if (!tool.budgets.some(({ budget }) => budget === own))
      tools[name] = { ...tool, budgets: [{ budget: own, slots: 1, units: 1 }, ...tool.budgets] };
  }
  const { machines } = recording;
  const count = change.machines ?? machines.length;
  const last = machines.at(-1);
  const more = last === undefined ? [] : Array.from({ length: count }, () => last);
  return {
    ...recording,
    tools,
    budgets,
    machines: [...machines, ...more].slice(0, count),
  };
}

/** One play with and one without a change, by the same chance. */
export type Pair = readonly [
  before: Readonly<Record<string, Fared>>,
  after: Readonly<Record<string, Fared>>,
];

/** Plays a recording with and without a change, again and again, by the same chance, so that what differs is the change. */
export function* pairsOf(
  recording: Recording,
  change: ModelChange,
  plays: number,
): Generator<Pair> {
  const other = changed(recording, change);
  for (let seed = 1; seed <= plays; seed++)
    yield [simulate(recording, seed), simulate(other, seed)];
}

/** What the change does to each tool. Tools that it makes no difference to are left out. */
export function compare(pairs: readonly Pair[]): Readonly<Record<string, ToolComparison>> {
  const found: Record<string, ToolComparison> = {};
  for (const tool of Object.keys(pairs[0]?.[0] ?? {})) {
    const own = pairs.map(([before, after]) => [before[tool]!, after[tool]!] as const);
    const isSame = own.every(
      ([a, b]) => a.ended === b.ended && a.begun === b.begun && a.meanWaitMs === b.meanWaitMs,
    );
    if (isSame) continue;
    const waits = own.flatMap(([a, b]) =>
      a.meanWaitMs === null || b.meanWaitMs === null ? [] : [b.meanWaitMs - a.meanWaitMs],
    );
    found[tool] = {
      before: meanOf(own.map(([one]) => one)),
      after: meanOf(own.map(([, one]) => one)),
      ended: differenceOf(own.map(([a, b]) => b.ended - a.ended)),
      waitMs: waits.length === 0 ? null : differenceOf(waits),
    };
  }
  return found;
}

function differenceOf(values: readonly number[]): Difference {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, n - 1);
  const width = Z * Math.sqrt(variance / n);
  return { mean, low: mean - width, high: mean + width };
}

function meanOf(plays: readonly Fared[]): Fared {
  const mean = (of: (one: Fared) => number | null): number | null => {
    const known = plays.map(of).filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  return {
    begun: mean((one) => one.begun) ?? 0,
    ended: mean((one) => one.ended) ?? 0,
    waiting: mean((one) => one.waiting) ?? 0,
    meanWaitMs: mean((one) => one.meanWaitMs),
    p95WaitMs: mean((one) => one.p95WaitMs),
  };
}

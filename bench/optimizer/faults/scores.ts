import { median, quantile, round } from "../../statistics.ts";
import { FAULTS, type FaultKind } from "./draw.ts";
import type { Outcome, Played } from "./score.ts";

interface ClassScore {
  readonly precision: number | null;
  readonly recall: number | null;
  readonly named: number | null;
  readonly delayP50S: number | null;
  readonly delayP90S: number | null;
  readonly n: number;
}

/** How right the findings were. */
export interface Scores {
  readonly single: { readonly precision: number | null; readonly recall: number | null };
  readonly double: { readonly precision: number | null; readonly recall: number | null };
  readonly named: number | null;
  readonly delayP50S: number | null;
  readonly classes: Readonly<Record<FaultKind, ClassScore>>;
  /** Rows: what was done; columns: what was said of its tool. `healthy`: tools of healthy episodes. */
  readonly confusion: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Healthy episodes in which something was said to be wrong for most of the last minute, of all of them. */
  readonly sustained: readonly [alarms: number, episodes: number];
  /** Of all looks at tools with which nothing was wrong, those in which something was said to be. */
  readonly falseLooks: readonly [alarms: number, looks: number];
  readonly n: number;
}

export function scoresOf(all: readonly Played[]): Scores {
  const singles = all.filter(({ what }) => what !== "double");
  const doubles = all.filter(({ what }) => what === "double");
  const healthy = all.filter(({ what }) => what === "healthy");
  const outcomes = singles.flatMap((one) => one.outcomes);
  const everything = all.flatMap((one) => one.outcomes);
  return {
    single: macro(singles),
    double: macro(doubles),
    named: share(everything.filter(isHit), ({ isNamed }) => isNamed),
    delayP50S: seconds(median(delaysOf(outcomes))),
    classes: Object.fromEntries(
      FAULTS.map((kind) => [kind, classScore(kind, singles)]),
    ) as Scores["classes"],
    confusion: confusionOf(singles, healthy),
    sustained: [healthy.filter(({ alarms }) => alarms.length > 0).length, healthy.length],
    falseLooks: [
      all.reduce((sum, { calm }) => sum + calm.alarms, 0),
      all.reduce((sum, { calm }) => sum + calm.looks, 0),
    ],
    n: all.length,
  };
}

const isHit = ({ injected, reported }: Outcome): boolean => injected === reported;
const seconds = (ms: number | null): number | null => (ms === null ? null : round(ms / 1_000, 1));

function classScore(kind: FaultKind, all: readonly Played[]): ClassScore {
  const outcomes = all.flatMap((one) => one.outcomes);
  const own = outcomes.filter(({ injected }) => injected === kind);
  const hits = own.filter(isHit);
  const wrong =
    outcomes.filter(({ injected, reported }) => injected !== kind && reported === kind).length +
    all.flatMap(({ alarms }) => alarms).filter((alarm) => alarm.kind === kind).length;
  const delays = delaysOf(hits);
  return {
    precision: hits.length + wrong === 0 ? null : round(hits.length / (hits.length + wrong), 3),
    recall: share(own, isHit),
    named: share(hits, ({ isNamed }) => isNamed),
    delayP50S: seconds(median(delays)),
    delayP90S: seconds(quantile(delays, 0.9)),
    n: own.length,
  };
}

/** Means over the classes that occur. */
function macro(all: readonly Played[]): Scores["single"] {
  const scores = FAULTS.map((kind) => classScore(kind, all)).filter(({ n }) => n > 0);
  const meanOf = (what: "precision" | "recall"): number | null =>
    scores.length === 0
      ? null
      : round(scores.reduce((sum, score) => sum + (score[what] ?? 0), 0) / scores.length, 3);
  return { precision: meanOf("precision"), recall: meanOf("recall") };
}

function confusionOf(
  singles: readonly Played[],
  healthy: readonly Played[],
): Record<string, Record<string, number>> {
  const columns = new Set([
    ...FAULTS,
    ...singles.flatMap(({ outcomes }) => outcomes.map(({ reported }) => reported)),
    "ok",
  ]);
  const rows: Record<string, Record<string, number>> = {};
  const row = (name: string): Record<string, number> =>
    (rows[name] ??= Object.fromEntries([...columns].map((column) => [column, 0])));
  for (const { injected, reported } of singles.flatMap((one) => one.outcomes))
    row(injected)[reported]! += 1;
  for (const { tools, alarms } of healthy) {
    row("healthy")["ok"]! += tools - alarms.length;
    for (const { kind } of alarms) row("healthy")[kind] = (row("healthy")[kind] ?? 0) + 1;
  }
  return rows;
}

const delaysOf = (outcomes: readonly Outcome[]): number[] =>
  outcomes.flatMap(({ delayMs }) => (delayMs === null ? [] : [delayMs]));

function share<T>(list: readonly T[], has: (one: T) => boolean): number | null {
  return list.length === 0 ? null : round(list.filter(has).length / list.length, 3);
}

import type { PaceKept } from "../world/pace.ts";
import type { EpisodeClass, Expected, Fault, FaultKind } from "./draw.ts";

/** What the optimizer said at a moment. */
export interface Look {
  readonly atMs: number;
  readonly found: readonly {
    readonly tool: string;
    readonly kind: string;
    readonly culprit?: string | undefined;
    readonly machine?: string | undefined;
  }[];
}

interface Seen {
  readonly pace: PaceKept;
  readonly what: EpisodeClass;
  readonly seed: number;
  readonly faultMs: number;
  readonly endMs: number;
  /** Verdicts count for so long before the end. */
  readonly lastMs: number;
  readonly tools: readonly string[];
  /** By tool, those whose calls end before its own begin. */
  readonly before: readonly (readonly number[])[];
  readonly faults: readonly Fault[];
  readonly expected: readonly Expected[];
  /** Mean use of the most used resource of the busiest machine towards the end. */
  readonly hot: number;
  readonly looks: readonly Look[];
}

/** One fault of an episode, and what was said of it. */
export interface Outcome {
  readonly injected: FaultKind;
  /** The verdict on its tool in most of the looks that count. */
  readonly reported: string;
  /** Who was named as the culprit in those looks is the right one. */
  readonly isNamed: boolean;
  /** From the fault to the first time it was said. Milliseconds; null: it never was. */
  readonly delayMs: number | null;
}

/** What came of an episode. */
export interface Played {
  /** None: it was played by an older version. */
  readonly pace?: PaceKept;
  readonly what: EpisodeClass;
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly outcomes: readonly Outcome[];
  /** Verdicts on tools that nothing was done to, in most of the looks that count, and that do not follow from a fault. */
  readonly alarms: readonly { readonly tool: string; readonly kind: string }[];
  /** Looks at tools that nothing was wrong with, and those of them in which something was said to be. */
  readonly calm: { readonly looks: number; readonly alarms: number };
  readonly tools: number;
  readonly hot: number;
}

/** While the deployment starts, nothing is usual yet. */
const STARTING_MS = 40_000;
/** With machines used more than this, tools that wait for them follow from a fault elsewhere. */
const HOT = 0.8;
const OK = "ok";

/** Takes stock of an episode. */
export function played(seen: Seen): Played {
  const { what, seed, tools, faultMs, endMs, lastMs, looks, faults, expected, hot } = seen;
  const last = looks.filter(({ atMs }) => atMs > endMs - lastMs);
  const verdicts = tools.map((tool) => mostOf(last.map((look) => kindAt(look, tool))));
  const outcomes = expected.map((one) => outcomeOf(one, last, seen, verdicts));
  const targets = new Set(expected.map(({ tool }) => tool));
  const struck = new Set(faults.flatMap((fault) => ("tool" in fault ? [fault.tool] : [])));
  const alarms = verdicts.flatMap((kind, tool) => {
    if (kind === OK || targets.has(tool)) return [];
    if (targets.has(null) && kind === expected[0]!.kind) return [];
    // The tool that was struck in an episode about another one: any true word about it is right.
    if (struck.has(tool) && faults.some((fault) => fault.kind === kind)) return [];
    if (kind === "dependency_bound" && seen.before[tool]!.some((one) => struck.has(one))) return [];
    if (kind === "dependency_bound" && targets.has(null)) return [];
    if (kind === "resource_bound" && hot > HOT) return [];
    return [{ tool: tools[tool]!, kind }];
  });
  const calm = looks.filter(
    ({ atMs }) => atMs > STARTING_MS && (what === "healthy" || atMs < faultMs),
  );
  return {
    pace: seen.pace,
    what,
    seed,
    faults,
    outcomes,
    alarms,
    calm: {
      looks: calm.length * tools.length,
      alarms: calm.reduce((sum, { found }) => sum + found.length, 0),
    },
    tools: tools.length,
    hot,
  };
}

function outcomeOf(
  { kind, tool, culprit, machine }: Expected,
  last: readonly Look[],
  { tools, looks, faultMs }: Seen,
  verdicts: readonly string[],
): Outcome {
  const id = tool === null ? null : tools[tool]!;
  const isIt = (found: Look["found"][number]): boolean =>
    found.kind === kind && (id === null || found.tool === id);
  const reported =
    tool !== null
      ? verdicts[tool]!
      : verdicts.includes(kind)
        ? kind
        : (verdicts.find((verdict) => verdict !== OK) ?? OK);
  const said = last.flatMap(({ found }) => found.filter(isIt));
  const right = said.filter(
    (found) =>
      (culprit === undefined || found.culprit === culprit) &&
      (machine === undefined || found.machine === machine),
  );
  const first = looks.find(({ atMs, found }) => atMs > faultMs && found.some(isIt));
  return {
    injected: kind,
    reported,
    isNamed: said.length > 0 && right.length > said.length / 2,
    delayMs: first === undefined ? null : Math.round(first.atMs - faultMs),
  };
}

const kindAt = ({ found }: Look, tool: string): string =>
  found.find((one) => one.tool === tool)?.kind ?? OK;

function mostOf(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? OK;
}

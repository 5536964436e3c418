import { given } from "../../../config/index.ts";
import { causeOf, type Looked } from "./cause.ts";
import type { Digest } from "./digest.ts";
import type { Evidence, Finding, Verdict } from "./finding.ts";
import { reliefOf, type ToolTimes } from "./relief.ts";
import type { Shapes } from "./shape.ts";
import { starvedBehind } from "./starved.ts";
import { learnUsual, type Usual } from "./usual.ts";

/** Windows that are looked at together; starving shows over more of them. */
const WINDOWS = 6;
const LONG_WINDOWS = 12;
/** It takes so many verdicts of the same kind in a row to find something, and as many to take it back. */
const IN_A_ROW = 2;
/** What never drains counts like what drains within a day. Milliseconds. */
const ENDLESS_MS = 86_400_000;

/** What is remembered of a tool. */
interface ToolMemory {
  readonly usual?: Usual;
  /** The last verdict, and how often in a row it was given. */
  readonly verdict: Verdict | null;
  readonly row: number;
  readonly standing?: { readonly verdict: Verdict; readonly sinceMs: number };
}

/** What is remembered between windows: plain JSON. */
export interface FindingState {
  readonly windows: readonly Digest[];
  readonly tools: Readonly<Record<string, ToolMemory>>;
}

export const NOTHING_FOUND: FindingState = { windows: [], tools: {} };

/**
 * Looks at one more window. The finding comes first whose relief would shorten runs most; of those that would shorten
 * none, the one that keeps most work waiting. `shapes`: those of the workflows that run.
 */
export function findBottlenecks(
  state: FindingState,
  window: Digest,
  shapes: Shapes,
): { readonly state: FindingState; readonly findings: readonly Finding[] } {
  const windows = [...state.windows, window].slice(-LONG_WINDOWS);
  const names = [...new Set([...Object.keys(state.tools), ...Object.keys(window.tools)])];
  const tools: Record<string, ToolMemory> = {};
  const findings: Omit<Finding, "reliefMs">[] = [];
  const looked = looksAt(names, windows, state, shapes);
  for (const [tool, { verdict, evidence }] of looked) {
    const before = state.tools[tool] ?? { verdict: null, row: 0 };
    const memory = remember(before, verdict, window, tool);
    if (isWorthKeeping(memory, windows, tool)) tools[tool] = memory;
    if (memory.standing !== undefined)
      findings.push({
        tool,
        ...memory.standing.verdict,
        sinceMs: memory.standing.sinceMs,
        evidence,
      });
  }
  const relief =
    findings.length === 0
      ? new Map<string, number>()
      : reliefOf(
          findings.map(({ tool }) => tool),
          timesOf(looked, window, tools),
          windows,
          shapes,
        );
  const ranked = findings
    .map((finding) => ({ ...finding, reliefMs: relief.get(finding.tool) ?? null }))
    .toSorted((a, b) => (b.reliefMs ?? 0) - (a.reliefMs ?? 0));
  return { state: { windows, tools }, findings: ranked };
}

/** What a call of each tool takes at present: what waits has to be worked off before it. */
function timesOf(
  looked: ReturnType<typeof looksAt>,
  last: Digest,
  tools: FindingState["tools"],
): ReadonlyMap<string, ToolTimes> {
  return new Map(
    looked.map(([tool, { evidence }]) => {
      const freeMs = tools[tool]?.usual?.meanMs ?? 0;
      const waitMs = Math.max(drainOf(evidence), last.tools[tool]?.waitMs ?? 0);
      return [tool, { nowMs: (evidence.meanMs ?? freeMs) + waitMs, freeMs }];
    }),
  );
}

/** What this window says of each tool, the worst first. */
function looksAt(
  names: readonly string[],
  windows: readonly Digest[],
  state: FindingState,
  shapes: Shapes,
): readonly (readonly [tool: string, looked: Looked])[] {
  const recent = windows.slice(-WINDOWS);
  const looked = names
    .map(
      (tool) =>
        [tool, causeOf({ tool, windows: recent, usual: state.tools[tool]?.usual })] as const,
    )
    .toSorted(([, a], [, b]) => weightOf(b.evidence) - weightOf(a.evidence));
  const kept = looked.filter(([, { verdict }]) => verdict !== null).map(([tool]) => tool);
  return looked.map(([tool, look]) => {
    const culprit = look.verdict === null ? starvedBehind(tool, windows, shapes, kept) : null;
    if (culprit === null) return [tool, look];
    return [tool, { ...look, verdict: { kind: "dependency_bound", culprit } }];
  });
}

function remember(
  before: ToolMemory,
  verdict: Verdict | null,
  window: Digest,
  tool: string,
): ToolMemory {
  const same = before.verdict?.kind === verdict?.kind;
  const row = same ? before.row + 1 : 1;
  const digest = window.tools[tool];
  const usual = digest === undefined ? before.usual : learnUsual(before.usual, digest);
  const standing = row >= IN_A_ROW ? stands(before.standing, verdict, window) : before.standing;
  return {
    verdict,
    row,
    ...given({ usual, standing }),
  };
}

function stands(
  before: ToolMemory["standing"],
  verdict: Verdict | null,
  window: Digest,
): ToolMemory["standing"] {
  if (verdict === null) return undefined;
  const sinceMs = before?.verdict.kind === verdict.kind ? before.sinceMs : window.atMs;
  return { verdict, sinceMs };
}

/** A tool that nothing is known of but that it was once there is forgotten. */
function isWorthKeeping(memory: ToolMemory, windows: readonly Digest[], tool: string): boolean {
  return memory.usual !== undefined || windows.some(({ tools }) => tools[tool] !== undefined);
}

/** How much waiting there is for how long: what has no end weighs most. */
function weightOf(evidence: Evidence): number {
  return evidence.busy * drainOf(evidence) * Math.log2(2 + evidence.waiting);
}

const drainOf = ({ drainMs, waiting }: Evidence): number =>
  Math.min(ENDLESS_MS, drainMs ?? (waiting > 0 ? ENDLESS_MS : 0));

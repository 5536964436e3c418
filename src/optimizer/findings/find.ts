import { causeOf } from "./cause.ts";
import type { Digest } from "./digest.ts";
import type { Evidence, Finding, Verdict } from "./finding.ts";
import { learnUsual, type Usual } from "./usual.ts";

/** Windows that are looked at together. */
const WINDOWS = 6;
/** It takes so many verdicts of the same kind in a row to find something, and as many to take it back. */
const IN_A_ROW = 2;

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

/** Looks at one more window. The worst finding comes first. */
export function findBottlenecks(
  state: FindingState,
  window: Digest,
): { readonly state: FindingState; readonly findings: readonly Finding[] } {
  const windows = [...state.windows, window].slice(-WINDOWS);
  const names = new Set([...Object.keys(state.tools), ...Object.keys(window.tools)]);
  const tools: Record<string, ToolMemory> = {};
  const findings: Finding[] = [];
  for (const tool of names) {
    const before = state.tools[tool] ?? { verdict: null, row: 0 };
    const { verdict, evidence } = causeOf({ tool, windows, usual: before.usual });
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
  return {
    state: { windows, tools },
    findings: findings.toSorted((a, b) => weightOf(b.evidence) - weightOf(a.evidence)),
  };
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
    ...(usual === undefined ? {} : { usual }),
    ...(standing === undefined ? {} : { standing }),
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
function weightOf({ busy, drainMs, waiting }: Evidence): number {
  return busy * (drainMs ?? 60_000) * Math.log2(2 + waiting);
}

/** What is remembered has an hour's weight. Milliseconds. */
const MEMORY_MS = 3_600_000;
/** Fewer calls say nothing; and from this share on a cache is worth a word. */
const LEAST_CALLS = 30;
const LEAST_SHARE = 0.2;
/** What weighs less is forgotten. Calls. */
const FORGOTTEN = 0.5;

/** Calls that were looked at, those that were made before with the same input, and the time these took. Milliseconds. */
type Seen = readonly [calls: number, repeated: number, tookMs: number];

/** Of the last hour, by tool, older calls weighing less: plain JSON. */
export type RepeatState = Readonly<Record<string, Seen>>;

/** A tool whose results may be worth keeping: idempotent, without a `cache`, and asked the same again and again. */
export interface CacheHint {
  readonly tool: string;
  /** Calls of about the last hour. */
  readonly calls: number;
  /** Share of them that the same process had made with the same input within ten minutes: a cache would spare at least these. */
  readonly hitShare: number;
  /** What these took, in about an hour. Milliseconds. */
  readonly sparedMs: number;
}

interface Calls {
  readonly checked: number;
  readonly repeated: number;
  readonly meanMs: number | null;
}

/** Adds a window; what could be spared most comes first. */
export function learnRepeats(
  before: RepeatState,
  tools: Readonly<Record<string, Calls>>,
  windowMs: number,
): { readonly state: RepeatState; readonly hints: readonly CacheHint[] } {
  const fade = Math.exp(-windowMs / MEMORY_MS);
  const state: Record<string, Seen> = {};
  for (const tool of new Set([...Object.keys(before), ...Object.keys(tools)])) {
    const [calls, repeated, tookMs] = before[tool] ?? [0, 0, 0];
    const now = tools[tool] ?? { checked: 0, repeated: 0, meanMs: null };
    const next: Seen = [
      fade * calls + now.checked,
      fade * repeated + now.repeated,
      fade * tookMs + now.repeated * (now.meanMs ?? 0),
    ];
    if (next[0] >= FORGOTTEN) state[tool] = next;
  }
  const hints = Object.entries(state)
    .filter(([, [calls, repeated]]) => calls >= LEAST_CALLS && repeated >= LEAST_SHARE * calls)
    .map(([tool, [calls, repeated, tookMs]]) => ({
      tool,
      calls: Math.round(calls),
      hitShare: repeated / calls,
      sparedMs: Math.round(tookMs),
    }))
    .toSorted((a, b) => b.sparedMs - a.sparedMs);
  return { state, hints };
}

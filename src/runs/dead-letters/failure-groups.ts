import type { DeadLetterSummary } from "./letters.ts";

/** Failures that are alike: the same tool, the same code, the same message but for what names a single case. */
export interface FailureGroup {
  readonly tool: string;
  readonly code: string;
  /** With `#` in the place of numbers, `"..."` of quoted texts, `<id>` of ids and `<url>` of addresses. */
  readonly message: string;
  readonly count: number;
  readonly runs: number;
  /** ISO 8601. */
  readonly firstAt: string;
  readonly lastAt: string;
  /** The newest of them. */
  readonly example: { readonly runId: string; readonly step: string; readonly message: string };
}

/** Longer messages are cut: what makes them differ behind this tells nothing apart. */
const MESSAGE_CHARS = 200;

/** What is left of a message when what names a single case is taken out of it. */
export function normalizeMessage(message: string): string {
  return message
    .replaceAll(/https?:\/\/\S+/g, "<url>")
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "<id>")
    .replaceAll(/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi, "<id>")
    .replaceAll(/"[^"]*"/g, '"..."')
    .replaceAll(/\d+(?:\.\d+)?/g, "#")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(0, MESSAGE_CHARS);
}

/** Groups failures, the largest group first; of two that are as large the newer one. */
export function groupFailures(letters: readonly DeadLetterSummary[]): FailureGroup[] {
  const groups = new Map<string, DeadLetterSummary[]>();
  for (const letter of letters) {
    const { code = "unknown", message = "" } = letter.error ?? {};
    const key = JSON.stringify([letter.tool, code, normalizeMessage(message)]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [letter]);
    else group.push(letter);
  }
  return [...groups.values()]
    .map((group) => groupOf(group.toSorted((a, b) => (a.failedAt < b.failedAt ? 1 : -1))))
    .toSorted((a, b) => b.count - a.count || (a.lastAt < b.lastAt ? 1 : -1));
}

function groupOf(newestFirst: readonly DeadLetterSummary[]): FailureGroup {
  const newest = newestFirst[0]!;
  const oldest = newestFirst.at(-1)!;
  const { code = "unknown", message = "" } = newest.error ?? {};
  return {
    tool: newest.tool,
    code,
    message: normalizeMessage(message),
    count: newestFirst.length,
    runs: new Set(newestFirst.map(({ runId }) => runId)).size,
    firstAt: oldest.failedAt,
    lastAt: newest.failedAt,
    example: { runId: newest.runId, step: newest.step, message },
  };
}

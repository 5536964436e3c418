import { contentHash } from "../../../config/index.ts";

/** Longest step id that is produced. Characters. */
const MAX_ID_CHARS = 64;
/** What is kept of a longer one: beginning, hash and end, with a dash between. Characters. */
const HASH_CHARS = 8;
const HEAD_CHARS = 24;
const TAIL_CHARS = MAX_ID_CHARS - HEAD_CHARS - HASH_CHARS - 2;

const cleaned = (text: string): string => text.replaceAll(/[^A-Za-z0-9_-]/gu, "_");

/** A short word for a text: the same for the same text, wherever it stands. */
const wordFor = (text: string): string => contentHash(text).slice(0, HASH_CHARS);

/** A text as an id: of a long one beginning and end, which usually tell it from others, and a word for the whole. */
export function idOf(text: string): string {
  const clean = cleaned(text);
  if (clean.length <= MAX_ID_CHARS) return clean;
  return `${clean.slice(0, HEAD_CHARS)}-${wordFor(text)}-${clean.slice(-TAIL_CHARS)}`;
}

/** Recorded id -> step id. What one becomes depends on those alone that would become the same. */
export function stepIdsOf(taskIds: readonly string[]): Map<string, string> {
  const wanted = new Map(taskIds.map((taskId) => [taskId, idOf(taskId)]));
  const count = new Map<string, number>();
  for (const id of wanted.values()) count.set(id, (count.get(id) ?? 0) + 1);
  // `constructor` and the like are refused as step ids.
  const refused = new Set(Object.getOwnPropertyNames(Object.prototype));
  const isKept = (taskId: string, id: string): boolean =>
    !refused.has(id) && (id === taskId || count.get(id) === 1);
  const used = new Set([...wanted].flatMap(([taskId, id]) => (isKept(taskId, id) ? [id] : [])));
  const result = new Map<string, string>();
  for (const [taskId, id] of wanted) {
    if (isKept(taskId, id)) {
      result.set(taskId, id);
      continue;
    }
    const head = id.slice(0, MAX_ID_CHARS - HASH_CHARS - 1);
    let own = `${head}_${wordFor(taskId)}`;
    // Two texts with the same word are next to impossible; the same id for two tasks must be so.
    for (let salt = 2; used.has(own); salt++) own = `${head}_${wordFor(`${salt} ${taskId}`)}`;
    used.add(own);
    result.set(taskId, own);
  }
  return result;
}

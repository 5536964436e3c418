import { canonicalJson, contentHash, isLarge, type JsonObject } from "../../../config/index.ts";

/** Inputs that are remembered, of all tools. */
const MAX_INPUTS = 10_000;
/** The same input again after a longer time is no repetition. Milliseconds. */
const WITHIN_MS = 600_000;
/** Longer calls are not looked at: what that costs would be more than it tells. Characters. */
const MAX_CHARS = 4_096;

/** Which calls that went well were made before, by the same process, with the same input: what a cache might have spared. */
export class Repeats {
  readonly #seen = new Map<string, number>();
  readonly #now: () => number;

  /** @param now Milliseconds. Default: a clock that is never put back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether this tenant's call went well before within ten minutes; null: the input is too long to look. */
  isRepeat(tool: string, tenant: string, input: JsonObject): boolean | null {
    if (isLarge(input)) return null;
    const text = canonicalJson([tool, tenant, input]);
    if (text.length > MAX_CHARS) return null;
    const call = contentHash(text);
    const atMs = this.#now();
    const before = this.#seen.get(call);
    this.#seen.delete(call);
    this.#seen.set(call, atMs);
    if (this.#seen.size > MAX_INPUTS) {
      const [oldest] = this.#seen.keys();
      this.#seen.delete(oldest!);
    }
    return before !== undefined && atMs - before <= WITHIN_MS;
  }
}

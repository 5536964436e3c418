import { randomBytes } from "node:crypto";

import type { Redis } from "ioredis";
import { LRUCache } from "lru-cache";

import {
  INLINE_VALUE_BYTES,
  MAX_VALUE_BYTES,
  readJsonInSlices,
  TuttiError,
  writeJson,
  type Json,
  given,
} from "../../../config/index.ts";
import type { Keys } from "../../names.ts";

/** Marks a reference to a value stored outside the record. JSON never starts like this. */
const REFERENCE = "@";

/** Size of the cache of values that others are likely to read, in characters of their JSON. */
const VALUES_KEPT_CHARS = 32_000_000;

/** A run at one epoch. Neither its next epoch nor a later run with the same id has this address. */
export interface RunAsOf {
  readonly runId: string;
  readonly epoch: number;
  readonly submittedAt: string;
}

interface Kept {
  readonly value: Json;
  readonly chars: number;
}

/** What to read when a value is not cached. */
interface Wanted {
  readonly runId: string;
  readonly field: string;
  /** The text in the field, if known. */
  readonly stored?: string;
}

/** Characters of a large value sent at once. */
const PART_CHARS = 1_000_000;

/** A value expires after this time if its step never ends. Milliseconds. */
const DRAFT_MS = 3_600_000;

/**
 * Inputs and outputs. Small ones are stored in the run's record, larger ones under a key of their own, so that reading
 * a record stays cheap.
 */
export class Values {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #kept: LRUCache<string, Kept, Wanted>;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#kept = new LRUCache<string, Kept, Wanted>({
      maxSize: VALUES_KEPT_CHARS,
      sizeCalculation: ({ chars }) => Math.max(1, chars),
      fetchMethod: (_key, _old, { context }) => this.#read(context),
    });
  }

  /**
   * Stores `value` and returns the text to write into `field` of the record.
   *
   * @throws TuttiError `payload_too_large` above 16 MB.
   */
  async put(runId: string, field: string, value: Json): Promise<string> {
    const { stored, large } = await storedForm(field, value);
    if (large !== undefined) await this.#redis.set(this.#keys.value(runId, field), large);
    return stored;
  }

  /**
   * The same for a value that counts only once its step's ending is written. A large value is stored aside and moved to
   * its place with the ending. An ending that comes too late replaces nothing.
   *
   * @throws TuttiError `payload_too_large` above 16 MB.
   */
  async draft(runId: string, field: string, value: Json): Promise<string> {
    const { stored, large } = await storedForm(field, value);
    if (large === undefined) return stored;
    const name = randomBytes(8).toString("hex");
    await this.#write(this.#keys.draft(runId, field, name), large);
    return `${stored}~${name}`;
  }

  /**
   * Writes a new key part by part. Text that goes through the socket is copied, and one command with all of it would
   * block the event loop. A part that is sent again after a lost connection goes to the same place.
   */
  async #write(key: string, text: string): Promise<void> {
    await this.#redis.set(key, "", "PX", DRAFT_MS);
    let offset = 0;
    for (let at = 0; at < text.length;) {
      const end = at + PART_CHARS;
      // Do not split a surrogate pair.
      const whole = /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? end + 1 : end;
      const part = Buffer.from(text.slice(at, whole));
      await this.#redis.setrange(key, offset, part);
      offset += part.length;
      at = whole;
    }
  }

  /** Reads the value behind the text in `field`; undefined if there is none. */
  async get(
    runId: string,
    field: string,
    stored: string | null | undefined,
  ): Promise<Json | undefined> {
    if (stored === null || stored === undefined) return undefined;
    return (await this.#read({ runId, field, stored }))?.value;
  }

  /**
   * The value in `field` of a run; undefined if there is none. Callers that ask at about the same time, such as the
   * items of a forEach, share one read, so the value must not be changed. Only for values that stay the same within an
   * epoch: the input, and outputs of steps that have ended.
   */
  async shared(run: RunAsOf, field: string, stored?: string): Promise<Json | undefined> {
    const { runId, epoch, submittedAt } = run;
    const context = { runId, field, ...given({ stored }) };
    const key = `${runId} ${submittedAt} ${epoch} ${field}`;
    return (await this.#kept.fetch(key, { context }))?.value;
  }

  async #read({ runId, field, stored }: Wanted): Promise<Kept | undefined> {
    const found = stored ?? (await this.#redis.hget(this.#keys.run(runId), field));
    if (found === null) return undefined;
    const text = isReference(found) ? await this.#redis.get(this.#keys.value(runId, field)) : found;
    return text === null ? undefined : { value: await readJsonInSlices(text), chars: text.length };
  }
}

/**
 * The text that `field` of the record stores for `value`, and the large text to store elsewhere if that is only a
 * reference.
 *
 * @throws TuttiError `payload_too_large` above 16 MB.
 */
export async function storedForm(
  field: string,
  value: Json,
): Promise<{ stored: string; large?: string }> {
  const text = await writeJson(value);
  // It fits even at three bytes per character. Otherwise counting is worth its cost.
  if (text.length * 3 <= INLINE_VALUE_BYTES) return { stored: text };
  const bytes = Buffer.byteLength(text);
  if (bytes <= INLINE_VALUE_BYTES) return { stored: text };
  if (bytes > MAX_VALUE_BYTES) {
    throw new TuttiError(
      "payload_too_large",
      `expected at most ${MAX_VALUE_BYTES} bytes of JSON, got: ${bytes}`,
      {
        details: { field, bytes, maxBytes: MAX_VALUE_BYTES },
      },
    );
  }
  return { stored: `${REFERENCE}${bytes}`, large: text };
}

/** Whether a field of the record only refers to its value. */
export function isReference(stored: string): boolean {
  return stored.startsWith(REFERENCE);
}

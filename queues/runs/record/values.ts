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

/** Stands in the record for a value that is kept beside it. JSON never starts like this. */
const REFERENCE = "@";

/** Values that a process keeps at hand, because others are likely to read them. Characters of their JSON. */
const VALUES_KEPT_CHARS = 32_000_000;

/** A run as it cannot come again: neither its next epoch nor a later run with its id has this address. */
export interface RunAsOf {
  readonly runId: string;
  readonly epoch: number;
  readonly submittedAt: string;
}

interface Kept {
  readonly value: Json;
  readonly chars: number;
}

/** What is read when a value is not at hand. */
interface Wanted {
  readonly runId: string;
  readonly field: string;
  /** What stands in the field, when that is known. */
  readonly stored?: string;
}

/** Of a large value that is sent at once. Characters. */
const PART_CHARS = 1_000_000;

/** A value whose step never says that it ended is gone after this time. Milliseconds. */
const DRAFT_MS = 3_600_000;

/**
 * Inputs and outputs. Small ones stand in the run record; larger ones in a key of their own, so that
 * reading a record stays cheap.
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
   * Returns what to write into `field` of the record for `value`; a large one is kept on the way.
   *
   * @throws TuttiError `payload_too_large` above 16 MB.
   */
  async put(runId: string, field: string, value: Json): Promise<string> {
    const { stored, large } = await storedForm(field, value);
    if (large !== undefined) await this.#redis.set(this.#keys.value(runId, field), large);
    return stored;
  }

  /**
   * The same for a value that counts only when its step's ending is written: a large one is kept aside
   * and takes its place with that. An ending that comes too late replaces nothing.
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
   * Writes a new key, a part at a time: what goes through the socket is copied, and a command with all of it would hold the
   * event loop. A part that is sent again after a lost connection goes to the same place.
   */
  async #write(key: string, text: string): Promise<void> {
    await this.#redis.set(key, "", "PX", DRAFT_MS);
    let offset = 0;
    for (let at = 0; at < text.length;) {
      const end = at + PART_CHARS;
      // A character that takes two is not cut.
      const whole = /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? end + 1 : end;
      const part = Buffer.from(text.slice(at, whole));
      await this.#redis.setrange(key, offset, part);
      offset += part.length;
      at = whole;
    }
  }

  /** The value behind what stands in `field`; undefined when there is none. */
  async get(
    runId: string,
    field: string,
    stored: string | null | undefined,
  ): Promise<Json | undefined> {
    if (stored === null || stored === undefined) return undefined;
    return (await this.#read({ runId, field, stored }))?.value;
  }

  /**
   * The value in `field` of a run; undefined when there is none. It is read once for all who ask for it at about the same
   * time, such as the items of a forEach, so it must not be changed. Only for what stays as it is within an epoch: the
   * input, outputs of steps that have ended.
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
 * What stands in `field` of the record for `value`, and the text beside it when that is only a reference.
 *
 * @throws TuttiError `payload_too_large` above 16 MB.
 */
export async function storedForm(
  field: string,
  value: Json,
): Promise<{ stored: string; large?: string }> {
  const text = await writeJson(value);
  // Three bytes per character at most would already fit; only then is counting worth its price.
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

/** Whether a field of the record only points to its value. */
export function isReference(stored: string): boolean {
  return stored.startsWith(REFERENCE);
}

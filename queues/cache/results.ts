import type { Redis } from "ioredis";

import {
  canonicalJson,
  contentHash,
  INLINE_VALUE_BYTES,
  readJson,
  writeJson,
  type Json,
  type JsonObject,
} from "../../config/index.ts";
import { defineScripts, script, type Commands } from "../connection/index.ts";
import type { Keys } from "../names.ts";
import { KEEP_RESULT, READ_RESULT } from "./scripts/generated.ts";

/** Most results that are kept at once, for all tenants. Beyond that, those that expire first go. */
const MAX_RESULTS = 10_000;

/** Identifies a call. Whoever makes the same call gets the same result. */
export interface KnownCall {
  readonly tool: string;
  /** Version of the tool's contract. */
  readonly version: string;
  readonly tenant: string;
  readonly input: JsonObject;
}

/** A kept result. */
export interface KeptResult {
  readonly output: Json;
  /** How old it is. Milliseconds. */
  readonly ageMs: number;
}

const SCRIPTS = {
  keep: script<[all: string, key: string, json: string, keepMs: number, most: number], number>(
    "tuttiKeepResult",
    KEEP_RESULT,
    { keys: 2 },
  ),
  read: script<[key: string], [ageMs: number, json: string] | null>(
    "tuttiReadResult",
    READ_RESULT,
    {
      keys: 1,
    },
  ),
};

/**
 * Results of completed calls, for those who make the same call again. Only hashes of inputs are kept. Results that do
 * not fit into the record of a run are not kept.
 */
export class Results {
  readonly #scripts: Commands<typeof SCRIPTS>;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
    this.#keys = keys;
  }

  /** Stores a result for `keepMs` milliseconds. `most`: results that are kept at once. */
  async keep(call: KnownCall, output: Json, keepMs: number, most = MAX_RESULTS): Promise<void> {
    const text = await writeJson(output);
    if (Buffer.byteLength(text) > INLINE_VALUE_BYTES) return;
    const { results } = this.#keys;
    await this.#scripts.keep(results, this.#keyOf(call), text, keepMs, most);
  }

  /** The last result of the same call; null if none is kept. */
  async find(call: KnownCall): Promise<KeptResult | null> {
    const found = await this.#scripts.read(this.#keyOf(call));
    return found === null ? null : { ageMs: found[0], output: readJson<Json>(found[1]) };
  }

  #keyOf({ tool, version, tenant, input }: KnownCall): string {
    return this.#keys.result(contentHash(canonicalJson([tool, version, tenant, input])));
  }
}

import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { Keys } from "../names.ts";

/** Entries of the audit that are kept. */
const AUDIT_MAX = 10_000;

/**
 * What the optimizer remembers. A pass that was overtaken by another one writes nothing: of two that read the
 * same only the first one's conclusions stand. KEYS: the state, the report, the audit. ARGV: the version that
 * was read, the state, the report or '', events ... Returns 1, or 0 when nothing was written.
 */
const KEEP_SCRIPT = `
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return 0 end
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'state', ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3]) end
for i = 4, #ARGV do redis.call('XADD', KEYS[3], 'MAXLEN', '~', ${AUDIT_MAX}, '*', 'e', ARGV[i]) end
return 1
`;

interface Commands {
  tuttiKeepOptimizer(...args: (string | number)[]): Promise<number>;
}

/** A state, and which one it is. */
export interface KeptState<State> {
  readonly version: string;
  readonly state: State | null;
}

/** Where the optimizer keeps its state, its last report and its audit, all as JSON. */
export class OptimizerStore<State, Report, Event extends object> {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #commands: Commands;

  constructor(redis: Redis, keys: Keys) {
    redis.defineCommand("tuttiKeepOptimizer", { lua: KEEP_SCRIPT, numberOfKeys: 3 });
    this.#redis = redis;
    this.#keys = keys;
    this.#commands = redis as unknown as Commands;
  }

  async read(): Promise<KeptState<State>> {
    const [version, text] = await this.#redis.hmget(this.#keys.optimizer, "version", "state");
    return {
      version: version ?? "0",
      state: text == null ? null : readJson<State>(text),
    };
  }

  /** False when somebody else was faster. */
  async keep(
    version: string,
    state: State,
    events: readonly Event[],
    report?: Report,
  ): Promise<boolean> {
    const { optimizer, optimizerReport, optimizerAudit } = this.#keys;
    const kept = await this.#commands.tuttiKeepOptimizer(
      optimizer,
      optimizerReport,
      optimizerAudit,
      version,
      JSON.stringify(state),
      report === undefined ? "" : JSON.stringify(report),
      ...events.map((event) => JSON.stringify(event)),
    );
    return kept === 1;
  }

  async report(): Promise<Report | null> {
    const text = await this.#redis.get(this.#keys.optimizerReport);
    return text === null ? null : readJson<Report>(text);
  }

  /** The newest first, with when each was written, by Redis' clock. Milliseconds. */
  async audit(limit: number): Promise<(Event & { readonly atMs: number })[]> {
    const entries = await this.#redis.xrevrange(
      this.#keys.optimizerAudit,
      "+",
      "-",
      "COUNT",
      limit,
    );
    return entries.map(([id, fields]) => ({
      ...readJson<Event>(fields[1] ?? "{}"),
      atMs: Number(id.split("-")[0]),
    }));
  }
}

import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import { defineScripts, script, type Commands } from "../connection/index.ts";
import type { Keys } from "../names.ts";
import { KEEP_OPTIMIZER } from "./scripts/generated.ts";

const SCRIPTS = {
  keep: script<
    [
      state: string,
      report: string,
      audit: string,
      version: string,
      stateJson: string,
      reportJson: string,
      ...events: string[],
    ],
    number
  >("tuttiKeepOptimizer", KEEP_OPTIMIZER, { keys: 3 }),
};

/** A state and its version. */
export interface KeptState<State> {
  readonly version: string;
  readonly state: State | null;
}

/** Stores the optimizer's state, its last report and its audit, all as JSON. */
export class OptimizerStore<State, Report, Event extends object> {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Commands<typeof SCRIPTS>;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  async read(): Promise<KeptState<State>> {
    const [version, text] = await this.#redis.hmget(this.#keys.optimizer, "version", "state");
    return {
      version: version ?? "0",
      state: text == null ? null : readJson<State>(text),
    };
  }

  /** False if another pass was faster. */
  async keep(
    version: string,
    state: State,
    events: readonly Event[],
    report?: Report,
  ): Promise<boolean> {
    const { optimizer, optimizerReport, optimizerAudit } = this.#keys;
    const kept = await this.#scripts.keep(
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

  /** Newest first, each with the time it was written, by Redis' clock. Milliseconds. */
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

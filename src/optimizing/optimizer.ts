import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { Keys, Samples } from "../../queues/index.ts";
import {
  NOTHING_KNOWN,
  think,
  type OptimizerReport,
  type OptimizerState,
} from "../optimizer/think.ts";

/** Samples of one pass at most: after a pause the older ones say nothing about now. */
const SAMPLES_READ = 30;

/** The passes of the optimizer: reads samples, thinks, keeps what it found. One at a time does it. */
export class Optimizer {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #samples: Samples;

  constructor(redis: Redis, keys: Keys, samples: Samples) {
    this.#redis = redis;
    this.#keys = keys;
    this.#samples = samples;
  }

  /** One pass. Null when nothing was sampled since the last one. */
  async pass(): Promise<OptimizerReport | null> {
    const { optimizer, optimizerReport } = this.#keys;
    const text = await this.#redis.get(optimizer);
    const state = text === null ? NOTHING_KNOWN : readJson<OptimizerState>(text);
    const samples = await this.#samples.after(state.lastId, SAMPLES_READ);
    const thought = think(state, samples);
    if (thought === null) return null;
    await this.#redis
      .multi()
      .set(optimizer, JSON.stringify(thought.state))
      .set(optimizerReport, JSON.stringify(thought.report))
      .exec();
    return thought.report;
  }

  /** What the last pass saw; null before the first. */
  async report(): Promise<OptimizerReport | null> {
    const text = await this.#redis.get(this.#keys.optimizerReport);
    return text === null ? null : readJson<OptimizerReport>(text);
  }
}

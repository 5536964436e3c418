import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import { defineScripts, script, type Commands } from "../connection/index.ts";
import type { Gate } from "../gate/gate.ts";
import type { Keys } from "../names.ts";
import type { Presence } from "../presence.ts";
import { composeSample, remember } from "./compose.ts";
import { SAMPLE_MS, type Reading, type Remembered, type Sample } from "./sample.ts";
import { APPEND_SAMPLE, LEAD } from "./scripts/generated.ts";

/** A leader that is silent for this many intervals is replaced. */
const LEAD_INTERVALS = 3;
/** After this many intervals without a sample there is nothing to compare with. */
const GAP_INTERVALS = 10;
/** Readings that are kept if nobody samples. */
const READINGS_MAX = 5_000;
/** Readings in one sample. */
const READINGS_READ = 1_000;

const SCRIPTS = {
  lead: script<[leader: string, remembered: string, process: string, forMs: number], string | null>(
    "tuttiLead",
    LEAD,
    { keys: 2 },
  ),
  append: script<
    [
      leader: string,
      remembered: string,
      samples: string,
      readings: string,
      process: string,
      toRemember: string,
      sample: string,
      lastReading: string,
    ],
    string | null
  >("tuttiAppendSample", APPEND_SAMPLE, { keys: 4 }),
};

/** A sample and its id in the stream. */
export interface KeptSample {
  readonly id: string;
  readonly sample: Sample;
}

interface SamplesParts {
  readonly gate: Gate;
  readonly presence: Presence;
  /** How often a sample is taken. Milliseconds. Default: {@link SAMPLE_MS}. */
  readonly intervalMs?: number | undefined;
}

/** The samples of a deployment: a bounded stream, written by one process at a time. */
export class Samples {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #gate: Gate;
  readonly #presence: Presence;
  readonly #scripts: Commands<typeof SCRIPTS>;
  readonly #intervalMs: number;

  constructor(redis: Redis, keys: Keys, { gate, presence, intervalMs = SAMPLE_MS }: SamplesParts) {
    this.#intervalMs = intervalMs;
    this.#redis = redis;
    this.#keys = keys;
    this.#gate = gate;
    this.#presence = presence;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  /** Reports what a process did. It goes into the next sample. */
  async report(reading: Reading): Promise<void> {
    const { readings } = this.#keys;
    await this.#redis.xadd(
      readings,
      "MAXLEN",
      "~",
      READINGS_MAX,
      "*",
      "r",
      JSON.stringify(reading),
    );
  }

  /**
   * Takes a sample, if nobody else leads. Null if somebody does, and for the first sample, which has nothing to compare
   * with.
   */
  async take(process: string): Promise<Sample | null> {
    const { sampler, remembered, samples, readings } = this.#keys;
    const text = await this.#scripts.lead(
      sampler,
      remembered,
      process,
      LEAD_INTERVALS * this.#intervalMs,
    );
    if (text === null) return null;
    const [seen, entries, workers] = await Promise.all([
      this.#gate.sample(),
      this.#redis.xrange(readings, "-", "+", "COUNT", READINGS_READ),
      this.#presence.alive(),
    ]);
    const before = text === "" ? null : readJson<Remembered>(text);
    const fresh =
      before === null ||
      seen.now - before.atMs > GAP_INTERVALS * this.#intervalMs ||
      seen.now <= before.atMs;
    const said = entries.map(([, fields]) => readJson<Reading>(fields[1] ?? "{}"));
    const sample = fresh ? null : composeSample(before, seen, said, workers);
    const written = await this.#scripts.append(
      sampler,
      remembered,
      samples,
      readings,
      process,
      JSON.stringify(sample === null ? remember(seen, { before }) : remember(seen)),
      sample === null ? "" : JSON.stringify(sample),
      entries.at(-1)?.[0] ?? "",
    );
    return written === null ? null : sample;
  }

  /** Gives up the lead. */
  async leave(process: string): Promise<void> {
    if ((await this.#redis.get(this.#keys.sampler)) === process)
      await this.#redis.del(this.#keys.sampler);
  }

  /** The last `count` samples after `id`, oldest first. */
  async after(id: string | null, count: number): Promise<KeptSample[]> {
    const entries = await this.#redis.xrevrange(
      this.#keys.samples,
      "+",
      id === null ? "-" : `(${id}`,
      "COUNT",
      count,
    );
    return entries
      .toReversed()
      .map(([at, fields]) => ({ id: at, sample: readJson<Sample>(fields[1] ?? "{}") }));
  }
}

import type { Logger } from "pino";

import type { Samples } from "../../../queues/index.ts";
import { patiently } from "../../patiently.ts";
import { Periodic } from "../../periodic.ts";
import type { Meter } from "./meter.ts";

/** What a process samples with. */
interface SamplerOptions {
  readonly samples: Samples;
  readonly meter: Meter;
  readonly machine: string;
  readonly process: string;
  /** How often. Milliseconds. */
  readonly intervalMs: number;
  readonly log: Logger;
}

/** Says at every interval what this process did, and takes the sample of the deployment when nobody else does. */
export class Sampler {
  readonly #options: SamplerOptions;
  #samples: Periodic | undefined;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#samples = new Periodic(this.#options.intervalMs, () => this.#sample());
  }

  /** Says the last word, and lets another process lead. */
  async close(): Promise<void> {
    await this.#samples?.stop();
    const { samples, process, log } = this.#options;
    await patiently(log, this.#say(), "what was done was not said");
    await patiently(log, samples.leave(process), "the lead was not left");
  }

  async #sample(): Promise<void> {
    const { samples, process, log } = this.#options;
    await patiently(log, this.#say(), "what was done was not said");
    await patiently(log, samples.take(process), "no sample was taken");
  }

  async #say(): Promise<void> {
    const { samples, meter, machine, process } = this.#options;
    const tools = meter.take();
    if (tools !== null) await samples.report({ machine, process, tools });
  }
}

import type { Gate, Samples } from "../../../queues/index.ts";
import type { Adjustment, Foretold } from "../tuning/adjustment.ts";
import { record, type Recorded } from "./record.ts";
import { foretoldOf, tryOn } from "./simulation.ts";

/** Samples that changes are tried on. */
const RECORDED_SAMPLES = 600;
/** Plays of the model for a change that the optimizer thinks of. */
const FORETELLING_PLAYS = 5;

/** Makes recordings of the load of the last minutes, and says what a change would have done to it. */
export class Recorder {
  readonly #samples: Samples;
  readonly #gate: Gate;

  constructor(samples: Samples, gate: Gate) {
    this.#samples = samples;
    this.#gate = gate;
  }

  /** Null: there are fewer than two samples. */
  async record(): Promise<Recorded | null> {
    const kept = await this.#samples.after(null, RECORDED_SAMPLES);
    return record(
      kept.map(({ sample }) => sample),
      await this.#gate.show(),
    );
  }

  /** What the model says of a change; null when nothing is recorded of its tool. */
  async foretell({ tool, to }: Adjustment): Promise<Foretold | null> {
    const recorded = await this.record();
    if (recorded === null || recorded.unknown.includes(tool)) return null;
    const change = { tools: { [tool]: { concurrency: to } } };
    const { tools, plays, recordedMs } = await tryOn(recorded, change, FORETELLING_PLAYS);
    return foretoldOf(tools[tool], plays, recordedMs);
  }
}

/** What was foretold of the same change before: a dry run proposes it again and again. */
export function foretoldBefore(
  { tool, from, to }: Adjustment,
  before: Adjustment | undefined,
): Foretold | null {
  const isSame = before?.tool === tool && before.from === from && before.to === to;
  return isSame ? (before.foretold ?? null) : null;
}

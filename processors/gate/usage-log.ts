import type { UsageProbe, UsageReading } from "../machine/machine-usage.ts";
import { isFull } from "../machine/pressure.ts";

/** How often the machine is looked at while something runs on it. Milliseconds. */
const LOOK_MS = 1_000;
/** Looks that are remembered: calls that take longer are judged by the last of them. */
const LOOKS = 300;
/** A call is slow because of this machine when it was full for so much of its time. */
const OWN_SHARE = 0.2;

interface Look {
  readonly fromMs: number;
  readonly toMs: number;
  readonly full: boolean;
}

/**
 * Looks at the machine again and again while calls are underway, so that of each can be told whether the machine was full
 * meanwhile: what was slow for that reason says nothing about the service behind a tool. Who asks for its use since the
 * last time, as the reporter does, gets the mean of the looks.
 */
export class UsageLog implements UsageProbe {
  readonly #probe: UsageProbe;
  readonly #clock: () => number;
  #looks: Look[] = [];
  #since: UsageReading[] = [];
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param clock Of {@link wasFull}; by default that of this process. Milliseconds. */
  constructor(probe: UsageProbe, clock: () => number = () => performance.now()) {
    this.#probe = probe;
    this.#clock = clock;
  }

  /** @param isBusy Whether a call is underway. */
  start(isBusy: () => boolean): void {
    this.#timer = setInterval(() => {
      if (isBusy()) void this.look();
    }, LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks now; one look at a time. */
  look(atMs = Date.now()): Promise<void> {
    this.#looking ??= this.#look(atMs).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async read(atMs: number): Promise<UsageReading | null> {
    await this.look(atMs);
    const readings = this.#since;
    this.#since = [];
    return meanOf(readings);
  }

  /** Whether the machine was full for a good part of a time, by this object's clock. Milliseconds. */
  wasFull(fromMs: number, toMs: number): boolean {
    const last = this.#looks.at(-1);
    if (last === undefined) return false;
    let fullMs = 0;
    for (const { fromMs: beganMs, toMs: endedMs, full } of this.#looks)
      if (full) fullMs += Math.max(0, Math.min(endedMs, toMs) - Math.max(beganMs, fromMs));
    // Nobody has looked since: it is as it was.
    if (last.full) fullMs += Math.max(0, toMs - Math.max(last.toMs, fromMs));
    return fullMs > 0 && fullMs >= OWN_SHARE * (toMs - fromMs);
  }

  async #look(atMs: number): Promise<void> {
    const reading = await this.#probe.read(atMs);
    if (reading === null) return;
    const toMs = this.#clock();
    this.#since.push(reading);
    this.#looks.push({ fromMs: toMs - reading.windowMs, toMs, full: isFull(reading) });
    if (this.#looks.length > LOOKS) this.#looks = this.#looks.slice(-LOOKS);
    if (this.#since.length > LOOKS) this.#since = this.#since.slice(-LOOKS);
  }
}

type Resource = keyof UsageReading["usage"];

/** Means by time, of memory the last; what one of them does not know nobody knows. */
function meanOf(readings: readonly UsageReading[]): UsageReading | null {
  const last = readings.at(-1);
  if (last === undefined) return null;
  const windowMs = readings.reduce((sum, one) => sum + one.windowMs, 0);
  const mean = (of: (one: UsageReading) => number | null): number | null => {
    let sum = 0;
    for (const one of readings) {
      const value = of(one);
      if (value === null) return null;
      sum += value * one.windowMs;
    }
    return sum / windowMs;
  };
  const byResource = (
    of: (one: UsageReading, resource: Resource) => number | null,
  ): UsageReading["usage"] => ({
    cpu: mean((one) => of(one, "cpu")),
    memory: mean((one) => of(one, "memory")),
    network: mean((one) => of(one, "network")),
    storage: mean((one) => of(one, "storage")),
  });
  return {
    windowMs,
    usage: { ...byResource(({ usage }, resource) => usage[resource]), memory: last.usage.memory },
    pressure: byResource(({ pressure }, resource) => pressure[resource]),
  };
}

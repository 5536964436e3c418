import type { Logger } from "pino";

import type { Gate } from "../../queues/index.ts";
import { runningBetween, type Busy } from "../../queues/worker.ts";
import type { UsageProbe } from "../machine/machine-usage.ts";
import { patiently } from "../patiently.ts";
import { Periodic } from "../periodic.ts";

/** How often a process reports. Milliseconds. */
const REPORT_MS = 5_000;

/** What a process reports with. */
export interface ReporterOptions {
  readonly gate: Gate;
  readonly machine: string;
  readonly log: Logger;
  /** Says how the machine is used, for who learns from it. Default: not said. */
  readonly usage?: UsageProbe;
  /** Called when what queues show of the limits may have changed: there are more or fewer machines, other catalogues. */
  readonly onLimits?: () => Promise<void>;
}

/**
 * What a process tells the gate now and then rather than at once: calls that went well without a permit, and
 * how its machine is used. It also sees then how many machines there are.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  /** Calls without a permit since the last report, by tool. */
  readonly #calls = new Map<string, number>();
  #machines = 0;
  /** What ran on the machine until the last reading of its use. */
  #busy: Busy | null = null;
  #reports: Periodic | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#reports = new Periodic(REPORT_MS, () => this.#report());
  }

  stop(): void {
    void this.#reports?.stop();
  }

  /** A call without a permit went well. */
  wentWell(tool: string): void {
    this.#calls.set(tool, (this.#calls.get(tool) ?? 0) + 1);
  }

  async #report(): Promise<void> {
    const { log } = this.#options;
    await patiently(log, this.#countMachines(), "the machines were not counted");
    await patiently(log, this.#sayUsage(), "the use of the machine was not said");
    await patiently(log, this.#sayCalls(), "calls were not reported");
  }

  async #countMachines(): Promise<void> {
    const { gate, onLimits } = this.#options;
    const machines = await gate.countMachines();
    if (machines === this.#machines) return;
    this.#machines = machines;
    await onLimits?.();
  }

  async #sayUsage(): Promise<void> {
    const { gate, machine, usage } = this.#options;
    if (usage === undefined) return;
    const reading = await usage.read(Date.now());
    // Of the same time, or what runs explains what is used by something else: a share that is learned from two
    // times, of which one was idle, is wrong by any factor.
    const before = this.#busy;
    const after = await gate.busy(machine);
    this.#busy = after;
    if (reading === null || before === null) return;
    const { usage: used, pressure, windowMs } = reading;
    const running = runningBetween(before, after);
    const atMs = after.now;
    await gate.sayUsage(machine, { usage: used, pressure, windowMs, running, atMs });
  }

  async #sayCalls(): Promise<void> {
    const { gate, machine } = this.#options;
    const calls = [...this.#calls];
    this.#calls.clear();
    await Promise.all(
      calls.map(([tool, count]) => gate.report(tool, machine, { class: "ok", count })),
    );
  }
}

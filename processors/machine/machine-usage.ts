import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { join } from "node:path";

import { cgroupFolders, parseField } from "./cgroup.ts";
import { type CpuCounter, cpuShare, cpuTimes, parseCpuMax, parseProcStat } from "./cpu-usage.ts";
import { cgroupMemoryShare, parseMeminfo } from "./memory-usage.ts";
import { parsePressure } from "./pressure.ts";
import { bytesPerS, parseDiskstats, parseNetDev } from "./throughput.ts";

type Resource = "cpu" | "memory" | "network" | "storage";
/** By resource; null = not known here. */
type Known = Readonly<Record<Resource, number | null>>;

/** How a machine was used between two readings. */
export interface UsageReading {
  /** Milliseconds. */
  readonly windowMs: number;
  /** Share of the machine, or of what this container may use of it. Memory is as it is now, the others are means. */
  readonly usage: Known;
  /** Share of the time in which some work waited for the resource. */
  readonly pressure: Known;
}

/** Says how a machine is used. */
export interface UsageProbe {
  /**
   * What happened since the last call; null when there is nothing to say.
   *
   * @param atMs Now, by the wall clock. Milliseconds.
   */
  read(atMs: number): Promise<UsageReading | null>;
}

/** How this machine was used between two readings. */
export interface MachineReading extends UsageReading {
  /** Bytes per second; of the network's two directions the busier one. */
  readonly bytesPerS: Readonly<Record<"network" | "storage", number | null>>;
  /** Share of the machine's processor that this very process used, with all its threads. */
  readonly ownCpu: number | null;
}

export interface MachineUsageOptions {
  /** What the machine can carry, by direction for the network. Bytes per second. Without it the share is unknown. */
  readonly capacityBytesPerS?: Readonly<Partial<Record<"network" | "storage", number>>>;
  /** Folder that stands for `/`. Default `/`. */
  readonly root?: string;
  /** Default: this system's. All but `linux` know processor and memory only. */
  readonly platform?: NodeJS.Platform;
}

/** All counters at one moment. */
interface Counters {
  readonly atMs: number;
  readonly cpu: CpuCounter | null;
  readonly memory: number | null;
  /** Microseconds of waiting. */
  readonly waited: Known;
  readonly network: { received: number; sent: number } | null;
  readonly storage: number | null;
  readonly ownUs: number;
}

const NOTHING: Known = { cpu: null, memory: null, network: null, storage: null };
/** Ticks of `/proc/stat` are hundredths of a second on every system that Node runs on. */
const TICK_MS = 10;

/**
 * Reads how this machine is used: of the control group (version 2) that limits this process where there
 * is one, else of the whole machine. What cannot be read is null, never a guess; reading never throws.
 */
export class MachineUsage implements UsageProbe {
  readonly #options: MachineUsageOptions;
  #last: Counters | null = null;

  constructor(options: MachineUsageOptions = {}) {
    this.#options = options;
  }

  /** What happened since the last call; null for the first one, and when no time has passed. */
  async read(atMs: number): Promise<MachineReading | null> {
    const before = this.#last;
    const after = await this.#counters(atMs);
    this.#last = after;
    const windowMs = before === null ? 0 : atMs - before.atMs;
    return before === null || !(windowMs > 0) ? null : this.#compare(before, after, windowMs);
  }

  #compare(before: Counters, after: Counters, windowMs: number): MachineReading {
    const { capacityBytesPerS: capacity = {} } = this.#options;
    const rate = (of: (counters: Counters) => number | null | undefined) =>
      bytesPerS(of(before) ?? null, of(after) ?? null, windowMs);
    const received = rate(({ network }) => network?.received);
    const sent = rate(({ network }) => network?.sent);
    const network = received === null || sent === null ? null : Math.max(received, sent);
    const storage = rate((counters) => counters.storage);
    const waited = (resource: Resource) => {
      // Microseconds by second: a millionth of a share.
      const perS = rate((counters) => counters.waited[resource]);
      return perS === null ? null : Math.min(1, perS / 1_000_000);
    };
    const cores = after.cpu?.cores ?? availableParallelism();
    return {
      windowMs,
      usage: {
        cpu: cpuShare(before.cpu, after.cpu, windowMs),
        memory: after.memory,
        network: shareOf(network, capacity.network),
        storage: shareOf(storage, capacity.storage),
      },
      pressure: {
        cpu: waited("cpu"),
        memory: waited("memory"),
        network: null,
        storage: waited("storage"),
      },
      bytesPerS: { network, storage },
      ownCpu: (after.ownUs - before.ownUs) / 1_000 / windowMs / cores,
    };
  }

  async #counters(atMs: number): Promise<Counters> {
    const { user, system } = process.cpuUsage();
    const own = { atMs, ownUs: user + system };
    if ((this.#options.platform ?? process.platform) !== "linux") {
      const times = cpuTimes(cpus());
      const memory = 1 - freemem() / totalmem();
      return {
        ...own,
        cpu: times && counterOf("os", times.used, times.total),
        memory,
        waited: NOTHING,
        network: null,
        storage: null,
      };
    }
    const folders = cgroupFolders(await this.#text("/proc/self/cgroup"));
    const { cpu, folder } = await this.#cpu(folders);
    const pressure = async (resource: string) => {
      const inside =
        folder === null ? null : await this.#text(join(folder, `${resource}.pressure`));
      return (
        parsePressure(inside ?? "") ?? parsePressure(await this.#text(`/proc/pressure/${resource}`))
      );
    };
    return {
      ...own,
      cpu,
      memory: await this.#memory(folders),
      waited: {
        cpu: await pressure("cpu"),
        memory: await pressure("memory"),
        network: null,
        storage: await pressure("io"),
      },
      network: parseNetDev(await this.#text("/proc/net/dev")),
      storage: parseDiskstats(await this.#text("/proc/diskstats")),
    };
  }

  /** The group with the fewest cores limits all inside; without one the machine counts. */
  async #cpu(
    folders: readonly string[],
  ): Promise<{ cpu: CpuCounter | null; folder: string | null }> {
    const times = parseProcStat(await this.#text("/proc/stat"));
    const machine = times && counterOf("stat", times.used * TICK_MS, times.total * TICK_MS);
    let least: CpuCounter | null = null;
    let folder: string | null = null;
    for (const one of folders) {
      const cores = parseCpuMax(await this.#text(join(one, "cpu.max")));
      if (cores === null || cores >= (least?.cores ?? availableParallelism())) continue;
      const usedUs = parseField(await this.#text(join(one, "cpu.stat")), "usage_usec");
      if (usedUs === null) continue;
      least = { source: one, usedMs: usedUs / 1_000, cores };
      folder = one;
    }
    return { cpu: least ?? machine, folder };
  }

  /** The group that is fullest is the one that will be refused memory first. */
  async #memory(folders: readonly string[]): Promise<number | null> {
    const shares: number[] = [];
    for (const folder of folders) {
      const max = await this.#text(join(folder, "memory.max"));
      const current = await this.#text(join(folder, "memory.current"));
      const stat = await this.#text(join(folder, "memory.stat"));
      const share = cgroupMemoryShare({ max, current, stat, machineBytes: totalmem() });
      if (share !== null) shares.push(share);
    }
    return shares.length > 0
      ? Math.max(...shares)
      : parseMeminfo(await this.#text("/proc/meminfo"));
  }

  /** The text of a file; empty when there is none, or none that may be read. */
  async #text(path: string): Promise<string> {
    return readFile(join(this.#options.root ?? "/", path), "utf8").catch(() => "");
  }
}

const counterOf = (source: string, usedMs: number, totalMs: number): CpuCounter => ({
  source,
  usedMs,
  totalMs,
  cores: availableParallelism(),
});

const shareOf = (perS: number | null, capacity: number | undefined): number | null =>
  perS === null || capacity === undefined || !(capacity > 0) ? null : perS / capacity;

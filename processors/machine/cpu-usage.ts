import type { CpuInfo } from "node:os";

/** A counter of processor time, and what it counts. */
export interface CpuCounter {
  /** Counters of different sources cannot be compared. */
  readonly source: string;
  readonly usedMs: number;
  /** Time that there was to use. Absent: `cores` for as long as the window was. */
  readonly totalMs?: number;
  readonly cores: number;
}

/** Cores that a control group may use; null: as many as there are. `150000 100000` is 1.5. */
export function parseCpuMax(text: string): number | null {
  const [, quota, period] = /^(\d+) (\d+)\s*$/.exec(text) ?? [];
  return Number(quota) > 0 && Number(period) > 0 ? Number(quota) / Number(period) : null;
}

/** Ticks of `/proc/stat` that passed and that somebody used; waiting for a disk is not use, stolen time is. */
export function parseProcStat(text: string): { used: number; total: number } | null {
  const line = /^cpu +(\d+(?: \d+)*)\s*$/m.exec(text)?.[1];
  const [user, nice, system, idle, ioWait = 0, irq = 0, softIrq = 0, stolen = 0] = (line ?? "")
    .split(" ")
    .map(Number);
  if (line === undefined || nice === undefined || system === undefined || idle === undefined)
    return null;
  // Guests are counted in user time already.
  const used = user! + nice + system + irq + softIrq + stolen;
  return { used, total: used + idle + ioWait };
}

/** The same from Node's counters, where there is no `/proc`. */
export function cpuTimes(cpus: readonly CpuInfo[]): { used: number; total: number } | null {
  let [used, total] = [0, 0];
  for (const { times } of cpus) {
    used += times.user + times.nice + times.sys + times.irq;
    total += times.idle;
  }
  return total + used === 0 ? null : { used, total: total + used };
}

/** Share of the processor between two readings; null when they cannot be compared. */
export function cpuShare(
  before: CpuCounter | null,
  after: CpuCounter | null,
  windowMs: number,
): number | null {
  if (before === null || after === null || before.source !== after.source) return null;
  const used = after.usedMs - before.usedMs;
  const total =
    after.totalMs === undefined || before.totalMs === undefined
      ? windowMs * after.cores
      : after.totalMs - before.totalMs;
  return used >= 0 && total > 0 ? used / total : null;
}

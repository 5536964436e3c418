import { parseAmount, parseField } from "./cgroup.ts";

/** What is used of a control group's limit; null without a limit. */
export function cgroupMemoryShare(files: {
  readonly max: string;
  readonly current: string;
  readonly stat: string;
  /** What the machine has: a limit above it is none. */
  readonly machineBytes: number;
}): number | null {
  const max = parseAmount(files.max);
  const current = parseAmount(files.current);
  if (max === null || current === null || max === 0) return null;
  // Pages of files that nobody looked at lately are given back before anything else is asked for them.
  const unused = parseField(files.stat, "inactive_file") ?? 0;
  return Math.max(0, current - unused) / Math.min(max, files.machineBytes);
}

/** What is used of a machine's memory, by `/proc/meminfo`; what the kernel would give back counts as free. */
export function parseMeminfo(text: string): number | null {
  const kilobytes = (name: string): number | null => {
    const found = new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text)?.[1];
    return found === undefined ? null : Number(found);
  };
  const total = kilobytes("MemTotal");
  const available = kilobytes("MemAvailable");
  if (total === null || available === null || total === 0) return null;
  return Math.min(1, Math.max(0, 1 - available / total));
}

import { join } from "node:path";

/** Where the kernel shows control groups of version 2. */
const MOUNT = "/sys/fs/cgroup";

/**
 * The folders of a process's control group and of all groups around it, innermost first; a limit may
 * stand in any of them. Empty where there is no version 2 (version 1 is not read).
 *
 * @param text `/proc/self/cgroup`.
 */
export function cgroupFolders(text: string): string[] {
  const path = /^0::(\/\S*)$/m.exec(text)?.[1];
  // `..`: a group outside of what this namespace shows.
  if (path === undefined || path.split("/").includes("..")) return [];
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, at) => join(MOUNT, ...parts.slice(0, parts.length - at))).concat(MOUNT);
}

/** A number that fills a file (`memory.current`); null for `max` and for anything else. */
export function parseAmount(text: string): number | null {
  return /^\d+\s*$/.test(text) ? Number(text) : null;
}

/** A number in a file of lines `name number` (`cpu.stat`, `memory.stat`). */
export function parseField(text: string, name: string): number | null {
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? null : parseAmount(line.slice(name.length + 1));
}

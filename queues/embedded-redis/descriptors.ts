import { constants, openSync, readdirSync, readFileSync } from "node:fs";

/** The flag of a descriptor that does not live on in another program, as /proc shows it. Octal. */
const CLOSE_ON_EXEC = 0o2000000;
const FIRST = 3;

/** Descriptors that were open when they were looked for first. */
let candidates: readonly number[] | undefined;
let nothing: number | undefined;

/** Whether a child would inherit it. */
function lives(fd: number): boolean {
  try {
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    return false;
  }
}

function openDescriptors(): number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number).filter(lives);
  } catch {
    return [];
  }
}

/**
 * What to add to the `stdio` of a child, behind its first three, so that it inherits nothing else. Whatever Node opens
 * is closed in children. What this process itself was given by its parent, such as the lock or the pipe of a script,
 * is not, when its number is high: there the child gets the null device instead. Only Linux is known to need it.
 */
export function nothingElse(): ("ignore" | number)[] {
  if (process.platform !== "linux") return [];
  candidates ??= openDescriptors().filter((fd) => fd >= FIRST);
  const inherited = candidates.filter(lives);
  if (inherited.length === 0) return [];
  const device = (nothing ??= openSync("/dev/null", constants.O_RDWR));
  const last = Math.max(...inherited);
  return Array.from({ length: last - FIRST + 1 }, (_, index) =>
    inherited.includes(index + FIRST) ? device : "ignore",
  );
}

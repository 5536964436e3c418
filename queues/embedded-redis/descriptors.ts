import { constants, openSync, readdirSync, readFileSync } from "node:fs";

/** The flag in /proc of a descriptor that another program does not inherit. Octal. */
const CLOSE_ON_EXEC = 0o2000000;
const FIRST = 3;

/** Descriptors that were open when first listed. */
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
 * What to append to the first three `stdio` entries of a child so that it inherits nothing else. Node closes in
 * children whatever it opened itself. Descriptors that this process got from its parent, such as a script's lock or
 * pipe, stay open if their number is high. The child gets the null device in their place. Only Linux is known to need
 * this.
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

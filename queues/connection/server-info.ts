/** Parses the fields of an INFO answer, by name. */
export function parseInfo(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split("\r\n").flatMap((line) => {
      const colon = line.indexOf(":");
      return colon === -1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
}

/** True if `version` is `least` or later. Both are numbers with dots. */
export function isAtLeast(version: string, least: string): boolean {
  return version.localeCompare(least, "en", { numeric: true }) >= 0;
}

/** Longest part of a value that a message tells. Characters. */
const MAX_CHARS = 80;

/** A value as messages tell it: as JSON, its beginning when it is long. */
export function quoted(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, MAX_CHARS));
  const text: string | undefined = JSON.stringify(value);
  return (text ?? "undefined").slice(0, MAX_CHARS);
}

/** Longest part of a value shown in a message. Characters. */
const MAX_CHARS = 80;

/** A value for messages: as JSON, shortened if long. */
export function quoted(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, MAX_CHARS));
  const text: string | undefined = JSON.stringify(value);
  return (text ?? "undefined").slice(0, MAX_CHARS);
}

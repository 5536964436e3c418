import { InvalidArgumentError } from "commander";

import { wrongUse } from "./failure.ts";

/** `id` or `id@hash`, as commands name a registered workflow. */
export function versionOf(text: string): { readonly id: string; readonly hash?: string } {
  const at = text.indexOf("@");
  return at < 0 ? { id: text } : { id: text.slice(0, at), hash: text.slice(at + 1) };
}

/** Commander parser for options that may be repeated. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** How long the units of times are, as `30m` and `100/1m` name them. Milliseconds. */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Reads `<count><unit>`, as `30m`; no count means one. Undefined when it is something else. */
export function timeOf(text: string): number | undefined {
  const [, count, unit] = /^(\d*)(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit ?? ""];
  return unitMs === undefined ? undefined : Number(count === "" ? 1 : count) * unitMs;
}

/** Commander parser for counts and times. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError("expected a whole number above 0.");
  }
  return value;
}

/** Reads a rate: `3/1s`, `100/1m`, `100/m`. */
export function windowOf(text: string): { max: number; durationMs: number } {
  const [, max, time = ""] = /^(\d+)\/(.+)$/.exec(text) ?? [];
  const durationMs = timeOf(time);
  if (max === undefined || durationMs === undefined)
    throw wrongUse(`expected a rate as 3/1s or 100/1m, got: ${text}`);
  return { max: Number(max), durationMs };
}

import { messageOf, parseJson, TuttiError, type Json, given } from "../../../config/index.ts";
import type { OptimizerDoor } from "../../optimizer/service/door.ts";

/** Something is wrong with the command line itself. */
export function wrongUse(message: string): TuttiError {
  return new TuttiError("request_invalid", message);
}

/** `id` or `id@hash`, as commands name a registered workflow. */
export function versionOf(text: string): { readonly id: string; readonly hash?: string } {
  const at = text.indexOf("@");
  return at < 0 ? { id: text } : { id: text.slice(0, at), hash: text.slice(at + 1) };
}

/** How long the units of times are, as `30m` and `100/1m` name them. Milliseconds. */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Reads `<count><unit>`, as `30m`; no count means one. Undefined when it is something else. */
function timeOf(text: string): number | undefined {
  const [, count, unit] = /^(\d*)(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit ?? ""];
  return unitMs === undefined ? undefined : Number(count === "" ? 1 : count) * unitMs;
}

/** Reads a time: `30m`. */
export function timeFrom(text: string): number {
  const ms = timeOf(text);
  if (ms === undefined) throw wrongUse(`expected a time as 30m, got: ${text}`);
  return ms;
}

/** Reads a count or a time. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw wrongUse("expected a whole number above 0.");
  return value;
}

/** Reads a count that may be none. */
export function countOrNone(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw wrongUse("expected a whole number.");
  return Number(text);
}

/** Reads a rate: `3/1s`, `100/1m`, `100/m`. */
export function windowOf(text: string): { max: number; durationMs: number } {
  const [, max, time = ""] = /^(\d+)\/(.+)$/.exec(text) ?? [];
  const durationMs = timeOf(time);
  if (max === undefined || durationMs === undefined)
    throw wrongUse(`expected a rate as 3/1s or 100/1m, got: ${text}`);
  return { max: Number(max), durationMs };
}

/** Reads a share of a machine: `cpu=0.3`. */
export function shareOf(text: string): [string, number] {
  const at = text.indexOf("=");
  if (at < 1) throw wrongUse(`expected a resource as cpu=0.3, got: ${text}`);
  return [text.slice(0, at), Number(text.slice(at + 1))];
}

/** Reads JSON; null when nothing is given. */
export function dataOf(text: string | undefined): Json {
  if (text === undefined) return null;
  try {
    return parseJson(text, "request_invalid");
  } catch (thrown) {
    throw wrongUse(`expected --data to be JSON, got: ${text.slice(0, 80)} (${messageOf(thrown)})`);
  }
}

type Change = Parameters<OptimizerDoor["simulate"]>[0];
type ToolChange = NonNullable<Change["tools"]>[string];

/** What `--set` asks for. What is wrong with the numbers is told where they are checked. */
export function changeOf(sets: readonly string[]): Change {
  const tools: Record<string, ToolChange> = {};
  let machines: number | undefined;
  for (const set of sets) {
    const [, what = "", value = ""] = /^([^=]+)=(.+)$/.exec(set) ?? [];
    const [, tool = "", limit] = /^(.+)\.(concurrency|rate)$/.exec(what) ?? [];
    if (what === "machines") machines = Number(value);
    else if (limit === "concurrency") tools[tool] = { ...tools[tool], concurrency: Number(value) };
    else if (limit === "rate")
      tools[tool] = { ...tools[tool], rates: [...(tools[tool]?.rates ?? []), windowOf(value)] };
    else throw wrongUse(`expected tool.concurrency=4, tool.rate=100/1m or machines=3, got: ${set}`);
  }
  return { tools, ...given({ machines }) };
}

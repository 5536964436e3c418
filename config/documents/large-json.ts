import type { Json } from "./json.ts";
import { Turns } from "./turns.ts";

/** Smaller values are processed at once, in a few milliseconds. About characters of JSON. */
const LARGE_CHARS = 262_144;
const NUMBER_CHARS = 4;
const QUOTE_CHARS = 4;

/** About how long a value is as JSON. Counting stops at `LARGE_CHARS`, which bounds its cost. */
function weightOf(value: unknown): number {
  let weight = 0;
  const open: unknown[] = [value];
  while (open.length > 0 && weight < LARGE_CHARS) {
    const one = open.pop();
    if (typeof one === "string") weight += one.length + QUOTE_CHARS;
    else if (typeof one !== "object" || one === null) weight += NUMBER_CHARS;
    else if (Array.isArray(one)) {
      if (one.length > LARGE_CHARS) return LARGE_CHARS;
      weight += NUMBER_CHARS;
      for (const part of one) open.push(part);
    } else {
      weight += NUMBER_CHARS;
      for (const [key, part] of Object.entries(one)) {
        weight += key.length + QUOTE_CHARS;
        open.push(part);
      }
    }
  }
  return weight;
}

/** Whether a value is so long that it must be processed in parts. */
export const isLarge = (value: unknown): boolean => weightOf(value) >= LARGE_CHARS;

const isPair = (text: string, at: number): boolean =>
  (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 && (text.charCodeAt(at) & 0xfc00) === 0xdc00;

/** Writes one value part by part. */
class Writer {
  readonly pieces: string[] = [];
  private readonly turns = new Turns();

  async write(value: Json): Promise<void> {
    if (typeof value === "string") await this.writeText(value);
    else if (typeof value !== "object" || value === null) this.pieces.push(JSON.stringify(value));
    else if (Array.isArray(value)) await this.writeList(value);
    else await this.writeFields(Object.entries(value));
  }

  private async writeText(text: string): Promise<void> {
    this.pieces.push('"');
    for (let at = 0; at < text.length;) {
      const end = Math.min(text.length, at + LARGE_CHARS);
      // Half a surrogate pair would be written as an escape of its own.
      const whole = end < text.length && isPair(text, end) ? end + 1 : end;
      this.pieces.push(JSON.stringify(text.slice(at, whole)).slice(1, -1));
      at = whole;
      if (this.turns.over) await this.turns.pause();
    }
    this.pieces.push('"');
  }

  private async writeList(list: readonly Json[]): Promise<void> {
    let small: Json[] = [];
    let weight = 0;
    let isFirst = true;
    const comma = (): void => {
      this.pieces.push(isFirst ? "[" : ",");
      isFirst = false;
    };
    const flush = (): void => {
      if (small.length === 0) return;
      comma();
      this.pieces.push(JSON.stringify(small).slice(1, -1));
      small = [];
      weight = 0;
    };
    for (const member of list) {
      const own = weightOf(member);
      if (own < LARGE_CHARS) {
        small.push(member);
        weight += own;
        if (weight < LARGE_CHARS) continue;
        flush();
        if (this.turns.over) await this.turns.pause();
      } else {
        flush();
        comma();
        await this.write(member);
      }
    }
    flush();
    this.pieces.push(isFirst ? "[]" : "]");
  }

  private async writeFields(fields: readonly (readonly [string, Json | undefined])[]) {
    let mark = "{";
    for (const [key, member] of fields) {
      if (member === undefined) continue;
      this.pieces.push(`${mark}${JSON.stringify(key)}:`);
      mark = ",";
      if (isLarge(member)) await this.write(member);
      else this.pieces.push(JSON.stringify(member));
      if (this.turns.over) await this.turns.pause();
    }
    this.pieces.push(mark === "{" ? "{}" : "}");
  }
}

/** The result of `JSON.stringify`, without blocking the event loop for a long value. */
export async function writeJson(value: Json): Promise<string> {
  if (!isLarge(value)) return JSON.stringify(value);
  const writer = new Writer();
  await writer.write(value);
  return writer.pieces.join("");
}

/** How to convert the parts of a value. */
export interface PartMap {
  /** For a short part. */
  readonly part: (value: Json) => Json;
  /** For a long text. */
  readonly text: (text: string) => Promise<Json>;
  readonly key: (key: string) => string;
}

async function mapLarge(value: Json, map: PartMap, turns: Turns): Promise<Json> {
  if (typeof value === "string") return map.text(value);
  if (typeof value !== "object" || value === null) return map.part(value);
  if (Array.isArray(value)) {
    const list: Json[] = [];
    for (const member of value as readonly Json[]) {
      list.push(isLarge(member) ? await mapLarge(member, map, turns) : map.part(member));
      if (turns.over) await turns.pause();
    }
    return list;
  }
  const fields: [string, Json][] = [];
  for (const [key, member] of Object.entries(value)) {
    const made = isLarge(member) ? await mapLarge(member, map, turns) : map.part(member);
    fields.push([map.key(key), made]);
    if (turns.over) await turns.pause();
  }
  return Object.fromEntries(fields);
}

/** Converts a value part by part, without blocking the event loop for a long one. */
export async function mapJson(value: Json, map: PartMap): Promise<Json> {
  return isLarge(value) ? mapLarge(value, map, new Turns()) : map.part(value);
}

function copyOf(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((one: Json) => copyOf(one));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copyOf(one)]));
}

/** A deep copy, without blocking the event loop for a long value. */
export function copyJson(value: Json): Promise<Json> {
  return mapJson(value, {
    part: copyOf,
    text: (text) => Promise.resolve(text),
    key: (key) => key,
  });
}

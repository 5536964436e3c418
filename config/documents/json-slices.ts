import { messageOf, TuttiError } from "../errors.ts";
import { parseJson, placeOf, slashesBefore, TextScan } from "./json-text.ts";
import { readJson, type Json, type JsonObject } from "./json.ts";
import { MAX_DATA_DEPTH } from "./plain-data.ts";
import { Turns } from "./turns.ts";

/** Longest part that is passed to the engine's parser at once; a few milliseconds of work. Characters. */
const SLICE_CHARS = 262_144;
/** Brackets and quotes skipped between two looks at the clock. */
const SKIPPED_PER_LOOK = 16_384;
interface Fields {
  readonly fields: Record<string, Json>;
  key: string | undefined;
}
type Container = { readonly list: Json[] } | Fields;
/** A value; undefined if a container was opened instead, whose members come next. */
type Read = Json | undefined | Promise<Json | undefined>;

const SPACE = /[\t\n\r ]*/y;
const LITERAL = /[^\t\n\r ,:[\]{}"]+/y;
const STRUCTURE = /[",[\]{}]/g;
const BRACKETS = /["[\]{}]/g;

/**
 * Reads one text. Small values go to the engine's parser as a whole; a larger list or object is read member by member,
 * a larger text piece by piece. The work is linear in the text for a given depth.
 */
class SlicedReader {
  private readonly text: string;
  private readonly turns: Turns;
  private at = 0;
  private readonly open: Container[] = [];
  /** Starts of lists and objects that continue past the part that was looked at last. */
  private crossing: ReadonlySet<number> = new Set();
  /** The end of that part. */
  private lookedTo = 0;

  constructor(text: string, turns: Turns) {
    this.text = text;
    this.turns = turns;
  }

  /** @throws SyntaxError. */
  async read(): Promise<Json> {
    let value = await this.readValue();
    for (;;) {
      if (this.turns.over) await this.turns.pause();
      const container = this.open.at(-1);
      if (container === undefined) break;
      const next = this.goOn(container, value);
      value = next instanceof Promise ? await next : next;
    }
    this.skipSpace();
    if (value === undefined || this.at < this.text.length) throw this.unexpected();
    return value;
  }

  /** Puts a member into its container, if any, and reads on. Returns the container after its last member. */
  private goOn(container: Container, member: Json | undefined): Read {
    if (member !== undefined) this.put(container, member);
    const isList = "list" in container;
    this.skipSpace();
    const code = this.text[this.at];
    if (code === (isList ? "]" : "}")) {
      this.at++;
      this.open.pop();
      return isList ? container.list : container.fields;
    }
    if (member !== undefined) {
      if (code !== ",") throw this.unexpected();
      this.at++;
      this.skipSpace();
    }
    if (this.at >= this.lookedTo) this.readMembers(container);
    if (isList) return this.readValue();
    if (this.text[this.at] !== '"') throw this.unexpected();
    const key = this.readText();
    return key instanceof Promise
      ? key.then((text) => this.readField(container, text))
      : this.readField(container, key);
  }

  private readField(container: Fields, key: string): Read {
    container.key = key;
    this.skipSpace();
    if (this.text[this.at] !== ":") throw this.unexpected();
    this.at++;
    return this.readValue();
  }

  /** Reads all whole members in the next part, except the container's last one. */
  private readMembers(container: Container): void {
    const { text, at } = this;
    const { lastComma } = this.look("members");
    if (lastComma === undefined) return;
    const part = text.slice(at, lastComma);
    if (part.trim() === "") throw this.unexpected();
    if ("list" in container)
      for (const member of readJson<Json[]>(`[${part}]`)) container.list.push(member);
    else
      for (const [key, member] of Object.entries(readJson<JsonObject>(`{${part}}`))) {
        container.key = key;
        this.put(container, member);
      }
    this.at = lastComma + 1;
    this.skipSpace();
  }

  private put(container: Container, value: Json): void {
    if ("list" in container) container.list.push(value);
    // Not by assignment: the key may be `__proto__`.
    else
      Object.defineProperty(container.fields, container.key ?? "", {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
  }

  /** A value; undefined if a large container was opened instead. */
  private readValue(): Read {
    this.skipSpace();
    const { text, at } = this;
    const code = text[at];
    if (code === '"') return this.readText();
    if (code === "[" || code === "{") {
      const end = this.crossing.has(at) ? undefined : this.look("value").end;
      if (end !== undefined) {
        this.at = end;
        return readJson(text.slice(at, end));
      }
      if (this.open.length > MAX_DATA_DEPTH) return this.skipContainer();
      this.at++;
      this.open.push(code === "[" ? { list: [] } : { fields: {}, key: undefined });
      return undefined;
    }
    LITERAL.lastIndex = at;
    const literal = LITERAL.exec(text)?.[0];
    if (literal === undefined) throw this.unexpected();
    this.at += literal.length;
    return readJson(literal);
  }

  /**
   * Looks at the next part: where the value that begins here ends, and the last comma on its level. Everything still
   * open at the end of the part is then known to be long. If each level looked again, the work would grow with the
   * depth.
   */
  private look(at: "value" | "members"): {
    readonly end?: number;
    readonly lastComma?: number | undefined;
  } {
    const part = this.text.slice(this.at, this.at + SLICE_CHARS);
    const begun: number[] = [];
    let inText = false;
    let lastComma: number | undefined;
    STRUCTURE.lastIndex = 0;
    for (let found = STRUCTURE.exec(part); found !== null; found = STRUCTURE.exec(part)) {
      const { index } = found;
      const [code] = found;
      if (code === '"') {
        if (!inText || slashesBefore(part, index) % 2 === 0) inText = !inText;
      } else if (inText) continue;
      else if (code === ",") {
        if (begun.length === 0) lastComma = this.at + index;
      } else if (code === "[" || code === "{") begun.push(this.at + index);
      else {
        // The container of the members ends here.
        if (begun.pop() === undefined) return { lastComma };
        if (begun.length === 0 && at === "value") return { end: this.at + index + 1 };
      }
    }
    if (lastComma === undefined) {
      this.crossing = new Set(begun);
      this.lookedTo = this.at + part.length;
    }
    return { lastComma };
  }

  /** Skips a list or object without reading it. */
  private async skipContainer(): Promise<null> {
    let depth = 0;
    let inText = false;
    BRACKETS.lastIndex = this.at;
    for (let seen = 1; ; seen++) {
      const from = BRACKETS.lastIndex;
      const found = BRACKETS.exec(this.text);
      if (found === null) throw new SyntaxError("expected JSON, got: a list or object without end");
      const { index } = found;
      if (found[0] === '"') {
        if (!inText || slashesBefore(this.text.slice(from, index), index - from) % 2 === 0)
          inText = !inText;
      } else if (!inText) depth += found[0] === "[" || found[0] === "{" ? 1 : -1;
      if (depth === 0) {
        this.at = index + 1;
        return null;
      }
      if (seen % SKIPPED_PER_LOOK === 0 && this.turns.over) {
        await this.turns.pause();
        BRACKETS.lastIndex = index + 1;
      }
    }
  }

  private readText(): string | Promise<string> {
    this.at++;
    const part = this.text.slice(this.at, this.at + SLICE_CHARS);
    const end = endOfText(part);
    if (end === -1) return this.readLongText();
    this.at += end + 1;
    return readJson<string>(`"${part.slice(0, end)}"`);
  }

  private async readLongText(): Promise<string> {
    const pieces: string[] = [];
    for (;;) {
      const part = this.text.slice(this.at, this.at + SLICE_CHARS);
      const quote = endOfText(part);
      const isLast = quote !== -1;
      const end = isLast ? quote : endOfWholeEscapes(part);
      if (end === 0 && !isLast) throw this.unexpected();
      pieces.push(readJson<string>(`"${part.slice(0, end)}"`));
      this.at += isLast ? end + 1 : end;
      if (isLast) return pieces.join("");
      if (this.turns.over) await this.turns.pause();
    }
  }

  private skipSpace(): void {
    SPACE.lastIndex = this.at;
    this.at += SPACE.exec(this.text)?.[0].length ?? 0;
  }

  private unexpected(): SyntaxError {
    const got = this.text[this.at];
    const what = got === undefined ? "the end" : JSON.stringify(got);
    return new SyntaxError(`expected JSON, got: ${what} (${placeOf(this.text, this.at)})`);
  }
}

/** The end of the text that this part belongs to; -1 if it goes on. */
function endOfText(part: string): number {
  let end = part.indexOf('"');
  while (end !== -1 && slashesBefore(part, end) % 2 === 1) end = part.indexOf('"', end + 1);
  return end;
}

/** Length of the longest escape, `\u0000`. Characters. */
const ESCAPE_CHARS = 6;

/** How much of a part of a text can be read alone: everything but an incomplete escape at its end. */
function endOfWholeEscapes(part: string): number {
  const from = Math.max(0, part.length - ESCAPE_CHARS);
  const slash = from + part.slice(from).lastIndexOf("\\");
  if (slash < from) return part.length;
  return slashesBefore(part, slash + 1) % 2 === 1 ? slash : part.length;
}

async function scanInSlices(text: string, turns: Turns) {
  const scan = new TextScan(text);
  while (!scan.done) {
    scan.advance(SLICE_CHARS);
    if (turns.over) await turns.pause();
  }
  return scan.problem;
}

/** The value read from a text; `problem` says why it must not be used as it is. */
export interface SlicedJson {
  readonly value: Json;
  readonly problem?: string;
}

/**
 * Reads JSON that may be long without blocking the event loop. If reading would change a value, or it is nested too
 * deep, the result still has the value beside the problem, because its sender may have to be named.
 *
 * @throws TuttiError with `code` if it is no JSON.
 */
export async function inspectJsonInSlices(
  text: string,
  code: TuttiError["code"],
): Promise<SlicedJson> {
  const turns = new Turns();
  const problem = await scanInSlices(text, turns);
  try {
    const value = await new SlicedReader(text, turns).read();
    if (problem === undefined) return { value };
    return { value, problem: `${problem.message} (${placeOf(text, problem.offset)})` };
  } catch (thrown) {
    throw new TuttiError(code, messageOf(thrown), { cause: thrown });
  }
}

/** The same as `parseJson`, without blocking the event loop for a long text. */
export async function parseJsonInSlices(text: string, code: TuttiError["code"]): Promise<Json> {
  if (text.length <= SLICE_CHARS) return parseJson(text, code);
  const { value, problem } = await inspectJsonInSlices(text, code);
  if (problem !== undefined) throw new TuttiError(code, problem);
  return value;
}

/** Reads JSON that Tutti wrote itself, without blocking the event loop for a long text. */
export async function readJsonInSlices(text: string): Promise<Json> {
  return text.length <= SLICE_CHARS ? readJson(text) : new SlicedReader(text, new Turns()).read();
}

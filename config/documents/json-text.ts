import { messageOf, TuttiError } from "../errors.ts";
import { readJson, type Json } from "./json.ts";
import { MAX_DATA_DEPTH } from "./plain-data.ts";

/** Why a text is refused although it may be JSON, and where. */
export interface TextProblem {
  readonly message: string;
  /** In characters. */
  readonly offset: number;
}

/** Whether JavaScript can hold a whole number exactly. */
export function isExactInteger(digits: string): boolean {
  // Any number of 15 digits fits. A double has at most 309 digits, and the conversion takes quadratic time.
  if (digits.length < 16) return true;
  return digits.length <= 310 && BigInt(Number(digits)) === BigInt(digits);
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

const QUOTE = 34;
const BACKSLASH = 92;

/**
 * Scans a JSON text for values that reading would change and for nesting that could do harm: numbers that JavaScript
 * cannot hold, more than {@link MAX_DATA_DEPTH} levels. It looks at each character once, in as many steps as the caller
 * likes. The parser decides whether the text is JSON.
 */
export class TextScan {
  problem: TextProblem | undefined;
  private readonly text: string;
  private at = 0;
  private depth = 0;
  private inText = false;

  constructor(text: string) {
    this.text = text;
  }

  /** Whether nothing is left to scan. */
  get done(): boolean {
    return this.problem !== undefined || this.at >= this.text.length;
  }

  /** Scans about this many more characters. */
  advance(characters: number): void {
    const until = Math.min(this.text.length, this.at + characters);
    while (this.at < until && this.problem === undefined)
      if (this.inText) this.skipText(until);
      else this.look();
  }

  private look(): void {
    const { text, at } = this;
    const code = text.charCodeAt(at);
    if (code === 45 || (code >= 48 && code <= 57)) {
      NUMBER.lastIndex = at;
      const digits = NUMBER.exec(text)?.[0] ?? "-";
      const message = numberProblem(digits);
      if (message !== undefined) this.problem = { message, offset: at };
      this.at += digits.length;
      return;
    }
    this.at++;
    if (code === QUOTE) this.inText = true;
    else if (code === 91 || code === 123) this.depth++;
    else if (code === 93 || code === 125) this.depth--;
    if (this.depth > MAX_DATA_DEPTH)
      this.problem = {
        message: `expected at most ${MAX_DATA_DEPTH} levels, got: more`,
        offset: at,
      };
  }

  /** Goes on to the end of the text, or to `until` and perhaps one character further, so that no escape is split. */
  private skipText(until: number): void {
    const part = this.text.slice(this.at, until);
    let from = 0;
    for (;;) {
      const quote = part.indexOf('"', from);
      const end = quote === -1 ? part.length : quote;
      const slashes = slashesBefore(part, end);
      if (quote === -1) {
        this.at += part.length + (slashes % 2);
        return;
      }
      if (slashes % 2 === 0) {
        this.at += quote + 1;
        this.inText = false;
        return;
      }
      from = quote + 1;
    }
  }
}

/** Number of backslashes right before a place. */
export function slashesBefore(text: string, place: number): number {
  let count = 0;
  while (count < place && text.charCodeAt(place - 1 - count) === BACKSLASH) count++;
  return count;
}

/** The first problem found by {@link TextScan}. */
export function findTextProblem(text: string): TextProblem | undefined {
  const scan = new TextScan(text);
  scan.advance(text.length);
  return scan.problem;
}

function numberProblem(digits: string): string | undefined {
  if (digits.length < 16 && !/[eE]/.test(digits)) return undefined;
  const shown = digits.length > 40 ? `${digits.slice(0, 40)}...` : digits;
  if (/^-?\d+$/.test(digits))
    return isExactInteger(digits)
      ? undefined
      : `expected integers that a number holds exactly, got: ${shown}; write it as a text`;
  return Number.isFinite(Number(digits)) ? undefined : `expected a number, got: ${shown}`;
}

/** Line and column of a place, counted from 1. */
export function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return `line ${line}, column ${offset - before.lastIndexOf("\n")}`;
}

/**
 * Reads JSON from outside, with every value exactly as written.
 *
 * @throws TuttiError with `code` if it is no JSON, is nested too deep, or has numbers that would change; the message
 * says where.
 */
export function parseJson(text: string, code: TuttiError["code"]): Json {
  const problem = findTextProblem(text);
  if (problem !== undefined)
    throw new TuttiError(code, `${problem.message} (${placeOf(text, problem.offset)})`);
  try {
    return readJson<Json>(text);
  } catch (thrown) {
    throw new TuttiError(code, messageOf(thrown), { cause: thrown });
  }
}

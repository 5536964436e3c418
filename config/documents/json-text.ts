import { messageOf, TuttiError } from "../errors.ts";
import { readJson, type Json } from "./json.ts";
import { MAX_DATA_DEPTH } from "./plain-data.ts";

/** Why a text is refused though it may be JSON, and where. */
export interface TextProblem {
  readonly message: string;
  /** In characters. */
  readonly offset: number;
}

/** A whole number as it is written: JavaScript keeps it exactly, or it is refused. */
export function isExactInteger(digits: string): boolean {
  // Any of 15 digits fits; a double has at most 309, and the conversion takes the square of them.
  if (digits.length < 16) return true;
  return digits.length <= 310 && BigInt(Number(digits)) === BigInt(digits);
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

const QUOTE = 34;
const BACKSLASH = 92;

/** Behind the text that begins at `at`. */
function endOfText(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
  return text.length;
}

/**
 * What in a JSON text would be changed or could hurt when it is read: numbers that JavaScript cannot hold, more
 * than {@link MAX_DATA_DEPTH} levels. One look at each character; whether it is JSON is the parser's to say.
 */
export function findTextProblem(text: string): TextProblem | undefined {
  let depth = 0;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfText(text, at);
    else if (code === 45 || (code >= 48 && code <= 57)) {
      NUMBER.lastIndex = at;
      const digits = NUMBER.exec(text)?.[0] ?? "-";
      const message = numberProblem(digits);
      if (message !== undefined) return { message, offset: at };
      at += digits.length;
    } else {
      if (code === 91 || code === 123) depth++;
      else if (code === 93 || code === 125) depth--;
      if (depth > MAX_DATA_DEPTH)
        return { message: `expected at most ${MAX_DATA_DEPTH} levels, got: more`, offset: at };
      at++;
    }
  }
  return undefined;
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
function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return `line ${line}, column ${offset - before.lastIndexOf("\n")}`;
}

/**
 * Reads JSON from outside: every value exactly as it stands there.
 *
 * @throws TuttiError with `code` when it is no JSON, nested too deep, or has numbers that would be changed; the
 * message says where.
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

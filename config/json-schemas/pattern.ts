import type { RE2JS } from "re2js";

import { packages } from "../packages.ts";
import { meter } from "./meter.ts";
import { PatternThread } from "./pattern-thread.ts";

/** JavaScript's white space, written for a class in RE2. */
const SPACES =
  "\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}";
const LINE_ENDS = "\\n\\r\\x{2028}\\x{2029}";

/** The pattern uses something that a linear engine cannot do or understands differently. */
class NotLinear extends Error {
  override readonly name = "NotLinear";
}

const hex = (code: string) => `\\x{${code}}`;

/** Translates an escape of JavaScript to RE2. Also returns its length. */
function translateEscape(source: string, at: number, inClass: boolean): [string, number] {
  const rest = source.slice(at);
  const next = source[at + 1] ?? "";
  const coded = /^\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/.exec(rest);
  if (coded !== null) {
    const pair = /^\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)/.exec(rest);
    if (pair !== null) {
      const text = String.fromCharCode(parseInt(pair[1]!, 16), parseInt(pair[2]!, 16));
      return [hex(text.codePointAt(0)!.toString(16)), 12];
    }
    return [hex(coded[1] ?? coded[2] ?? coded[3] ?? "0"), coded[0].length];
  }
  const property = /^\\([pP])\{(?:(?:Script|sc|General_Category|gc)=)?(\w+)\}/.exec(rest);
  if (property !== null) return [`\\${property[1]}{${property[2]}}`, property[0].length];
  if (/[dDwW]/.test(next)) return [`\\${next}`, 2];
  if (next === "s") return [inClass ? SPACES : `[${SPACES}]`, 2];
  if (next === "S" && !inClass) return [`[^${SPACES}]`, 2];
  if (/[bB]/.test(next)) {
    if (!inClass) return [`\\${next}`, 2];
    return next === "b" ? ["\\x08", 2] : ["B", 2];
  }
  if (/[nrtvf]/.test(next)) return [`\\${next}`, 2];
  const control = /^\\c([a-zA-Z])/.exec(rest);
  if (control !== null) return [hex((control[1]!.charCodeAt(0) % 32).toString(16)), 3];
  if (next === "0" && !/\d/.test(source[at + 2] ?? "")) return ["\\x00", 2];
  // References to groups, `\S` among others in a class, and escapes that only one of the two engines knows.
  if (/[1-9kS]/.test(next) || next === "") throw new NotLinear();
  return [packages.re2().RE2JS.quote(next), 2];
}

/** Translates a class in brackets to RE2. Also returns its length. */
function translateClass(source: string, from: number): [string, number] {
  const negated = source[from + 1] === "^";
  let at = from + (negated ? 2 : 1);
  let content = "";
  while (source[at] !== "]") {
    if (at >= source.length) throw new NotLinear();
    if (source[at] === "\\") {
      const [text, length] = translateEscape(source, at, true);
      content += text;
      at += length;
    } else {
      content += source[at] === "[" ? "\\[" : source[at];
      at++;
    }
  }
  const length = at + 1 - from;
  if (content === "") return [negated ? "[\\x00-\\x{10ffff}]" : "[^\\x00-\\x{10ffff}]", length];
  return [`[${negated ? "^" : ""}${content}]`, length];
}

/** Translates a JavaScript pattern to RE2 with the same meaning. */
function translate(source: string): string {
  let pattern = "";
  for (let at = 0; at < source.length;) {
    const [text, length] = translatePart(source, at);
    pattern += text;
    at += length;
  }
  return pattern;
}

function translatePart(source: string, at: number): [string, number] {
  const char = source[at]!;
  if (char === "\\") return translateEscape(source, at, false);
  if (char === "[") return translateClass(source, at);
  if (char === ".") return [`[^${LINE_ENDS}]`, 1];
  if (char !== "(" || source[at + 1] !== "?") return [char, 1];
  const group = /^\(\?(?::|<[^=!>][^>]*>)/.exec(source.slice(at));
  // Looking ahead or behind needs backtracking.
  if (group === null) throw new NotLinear();
  return ["(?:", group[0].length];
}

/** A regular expression of a schema. Testing it spends the check's budget. */
export interface Pattern {
  test(text: string): boolean;
}

/** The flags with which JavaScript can read the pattern: with `u`, as JSON Schema asks for, or without. */
function flagsOf(source: string): string {
  try {
    // oxlint-disable-next-line no-new -- only whether it is one
    new RegExp(source, "u");
    return "u";
  } catch (thrown) {
    try {
      // oxlint-disable-next-line no-new
      new RegExp(source);
      return "";
    } catch {
      throw thrown;
    }
  }
}

/**
 * Compiles a pattern for a linear engine. Patterns that it cannot express (looking ahead, references to groups, more
 * than 1,000 repetitions) run in a thread that is ended when the check's time is over.
 *
 * @throws SyntaxError if it is no regular expression of JavaScript.
 */
export function compilePattern(source: string, ignoreCase = false): Pattern {
  const flags = flagsOf(source) + (ignoreCase ? "i" : "");
  let linear: RE2JS | undefined;
  try {
    const { RE2JS } = packages.re2();
    linear = RE2JS.compile(translate(source), ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch {
    linear = undefined;
  }
  if (linear === undefined) {
    thread.prepare();
    return { test: (text) => thread.test(source, flags, text) };
  }
  const engine = linear;
  const size = engine.programSize();
  meter.spendProgram(size);
  return {
    test(text) {
      meter.spendPattern(size, text.length);
      return engine.test(text);
    },
  };
}

const thread = new PatternThread();

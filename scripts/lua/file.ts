import { dirname, join } from "node:path/posix";

import { parse, type Chunk } from "luaparse";

import type { Problem } from "./problem.ts";

/** A name that a file says it needs, and the line where it says so. */
interface Wanted {
  readonly name: string;
  readonly line: number;
}

/** A `.lua` file. */
export interface LuaFile {
  /** Path from the project's root. */
  readonly path: string;
  readonly text: string;
  /** Paths of the files that come before it, in the order in which it names them. */
  readonly includes: readonly Wanted[];
  /** Constants of TypeScript that it uses. */
  readonly constants: readonly Wanted[];
  /** Locals that TypeScript puts before it. */
  readonly given: readonly Wanted[];
  /** Null when it is no Lua. */
  readonly chunk: Chunk | null;
}

const DIRECTIVE = /^---\s*@(\w+)\s*(.*)$/;

/** Reads what a file says at its head (`--- @include "parts/runs"`, `--- @constant AGE_MS`, `--- @given remove`) and its syntax. */
export function readLua(path: string, text: string, problems: Problem[]): LuaFile {
  const includes: Wanted[] = [];
  const constants: Wanted[] = [];
  const given: Wanted[] = [];
  let hasBegun = false;
  for (const [at, content] of text.split("\n").entries()) {
    const line = at + 1;
    const [, kind, name = ""] = DIRECTIVE.exec(content) ?? [];
    if (kind === undefined) {
      hasBegun ||= !/^\s*(?:--|$)/.test(content);
    } else if (hasBegun) {
      // A part of a script begins where its file begins: nothing comes in between.
      problems.push({ file: path, line, message: `@${kind} has to stand before the code` });
    } else if (kind === "include") {
      const [, target] = /^"([^"]+)"$/.exec(name) ?? [];
      if (target === undefined)
        problems.push({ file: path, line, message: 'expected @include "path/of/a/part"' });
      else includes.push({ name: join(dirname(path), `${target}.lua`), line });
    } else if (kind === "constant" && /^[A-Z]\w*$/.test(name)) {
      constants.push({ name, line });
    } else if (kind === "given" && /^[a-z]\w*$/.test(name)) {
      given.push({ name, line });
    } else {
      problems.push({ file: path, line, message: `unknown directive @${kind} ${name}`.trim() });
    }
  }
  return { path, text, includes, constants, given, chunk: chunkOf(path, text, problems) };
}

function chunkOf(file: string, text: string, problems: Problem[]): Chunk | null {
  try {
    return parse(text, { luaVersion: "5.1", locations: true, encodingMode: "none" });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [, line = "1", message = error.message] =
      /^\[(\d+):\d+\] (.*)$/.exec(error.message) ?? [];
    problems.push({ file, line: Number(line), message });
    return null;
  }
}

import { basename } from "node:path/posix";

import { readLua, type LuaFile } from "./file.ts";
import { followNames, type ConstantUse } from "./names.ts";
import type { Problem } from "./problem.ts";

/** What a constant of TypeScript may be; an object becomes a table. */
export type Constant = string | number | Readonly<Record<string, number>>;

/** A script: its own file, and the parts before it in the order in which they are needed. */
export interface Script {
  readonly path: string;
  readonly parts: readonly LuaFile[];
}

/** All scripts, checked, with where constants stand in the files. */
export interface Scripts {
  readonly scripts: readonly Script[];
  readonly uses: ReadonlyMap<string, readonly ConstantUse[]>;
  readonly problems: readonly Problem[];
}

/** Files in a folder of this name are parts of scripts; every other one is a script. */
const isPart = (path: string): boolean => path.split("/").includes("parts");

/**
 * Puts scripts together out of their files, each part once and before what needs it, and checks them: syntax, names,
 * constants, and that nothing lies around unused.
 *
 * @param texts of the `.lua` files by path.
 * @param constants that files may ask for.
 */
export function putTogether(
  texts: ReadonlyMap<string, string>,
  constants: Readonly<Record<string, Constant>>,
): Scripts {
  const problems: Problem[] = [];
  const files = new Map(
    [...texts].map(([path, text]): [string, LuaFile] => [path, readLua(path, text, problems)]),
  );
  const scripts: Script[] = [];
  for (const file of files.values())
    if (!isPart(file.path))
      scripts.push({ path: file.path, parts: partsOf(file, files, problems) });
  const uses = checkNames(scripts, problems);
  checkConstants([...files.values()], uses, constants, problems);
  const included = new Set(scripts.flatMap(({ parts }) => parts.map(({ path }) => path)));
  for (const path of files.keys())
    if (!included.has(path))
      problems.push({ file: path, line: 1, message: "no script includes it" });
  // A part is seen by each script that has it.
  const seen = new Map(problems.map((one) => [`${one.file}:${one.line}:${one.message}`, one]));
  const ordered = [...seen.values()].toSorted(
    (a, b) => a.file.localeCompare(b.file) || a.line - b.line,
  );
  return { scripts, uses, problems: ordered };
}

/** Depth first: what a file needs comes before it, and nothing comes twice. */
function partsOf(
  script: LuaFile,
  files: ReadonlyMap<string, LuaFile>,
  problems: Problem[],
): LuaFile[] {
  const parts: LuaFile[] = [];
  const open = new Set<string>();
  const add = (file: LuaFile) => {
    if (parts.includes(file)) return;
    open.add(file.path);
    for (const { name, line } of file.includes) {
      const part = files.get(name);
      const complain = (message: string) => problems.push({ file: file.path, line, message });
      if (part === undefined) complain(`there is no ${name}`);
      else if (!isPart(name)) complain(`${name} is a script; what is included stands in parts/`);
      else if (open.has(name)) complain(`${name} includes this file`);
      else add(part);
    }
    open.delete(file.path);
    parts.push(file);
  };
  add(script);
  return parts;
}

function checkNames(
  scripts: readonly Script[],
  problems: Problem[],
): Map<string, readonly ConstantUse[]> {
  const uses = new Map<string, readonly ConstantUse[]>();
  /** Locals that no script reads, and those that some script does. */
  const unread = new Map<string, Problem>();
  const read = new Set<string>();
  for (const { parts } of scripts) {
    // Half a script would be told to miss the names of the other half.
    if (parts.some(({ chunk }) => chunk === null)) continue;
    const names = followNames(
      parts.map(({ path, chunk, constants, given }) => ({
        path,
        chunk: chunk!,
        constants: new Set(constants.map(({ name }) => name)),
        given,
      })),
      problems,
    );
    for (const [path, found] of names.uses) uses.set(path, found);
    for (const { name, file, line, column, isRead } of names.locals) {
      const place = `${file}:${line}:${column}`;
      if (isRead) read.add(place);
      else if (!name.startsWith("_"))
        unread.set(place, { file, line, message: `${name} is not used` });
    }
    checkIncludes(parts, names.locals, problems);
  }
  for (const [place, problem] of unread) if (!read.has(place)) problems.push(problem);
  return uses;
}

/** A part that only declares, and of which a script reads nothing, is dead weight there. */
function checkIncludes(
  parts: readonly LuaFile[],
  locals: readonly { readonly file: string; readonly shared: boolean; readonly isRead: boolean }[],
  problems: Problem[],
): void {
  const script = parts.at(-1)!;
  for (const { path, chunk } of parts.slice(0, -1)) {
    const declares = chunk!.body.every(
      (one) => one.type === "LocalStatement" || (one.type === "FunctionDeclaration" && one.isLocal),
    );
    const isRead = locals.some((local) => local.file === path && local.shared && local.isRead);
    if (declares && !isRead)
      problems.push({ file: script.path, line: 1, message: `nothing of ${path} is used` });
  }
}

function checkConstants(
  files: readonly LuaFile[],
  uses: ReadonlyMap<string, readonly ConstantUse[]>,
  constants: Readonly<Record<string, Constant>>,
  problems: Problem[],
): void {
  const wanted = new Set<string>();
  for (const { path, constants: declared } of files) {
    const used = uses.get(path);
    for (const { name, line } of declared) {
      wanted.add(name);
      if (!Object.hasOwn(constants, name))
        problems.push({ file: path, line, message: `there is no constant ${name}` });
      else if (used !== undefined && !used.some((use) => use.name === name))
        problems.push({ file: path, line, message: `the constant ${name} is not used` });
    }
  }
  for (const name of Object.keys(constants))
    if (!wanted.has(name))
      problems.push({ file: CONSTANTS_FILE, line: 1, message: `no script uses ${name}` });
}

/** Where the table of constants stands. */
const CONSTANTS_FILE = "scripts/lua/constants.ts";

/** `create-run.lua` is CREATE_RUN. */
export const constantNameOf = (path: string): string =>
  basename(path, ".lua").replaceAll("-", "_").toUpperCase();

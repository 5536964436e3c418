import { parse } from "luaparse";

import type { LuaFile } from "./file.ts";
import type { ConstantUse } from "./names.ts";
import { constantNameOf, type Constant, type Script, type Scripts } from "./scripts.ts";

const HEAD = `// Made of the .lua files of this folder by \`npm run lua\`. Change those, not this.
`;

/** The modules that are made of the scripts: text by path, one for each folder `scripts`. */
export function modulesOf(
  { scripts, uses }: Scripts,
  constants: Readonly<Record<string, Constant>>,
): Map<string, string> {
  const byFolder = new Map<string, Script[]>();
  for (const script of scripts) {
    const [folder] = /^.*\/scripts\//.exec(script.path)!;
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), script]);
  }
  return new Map(
    [...byFolder].map(([folder, all]) => {
      const lua = (file: LuaFile) =>
        templateOf(bare(withConstants(file, uses.get(file.path) ?? [], constants)));
      const parts = new Map(
        all.flatMap(({ parts: list }) => list.slice(0, -1)).map((part) => [part.path, part]),
      );
      const names = [...parts.keys()]
        .map(shown)
        .concat(all.map(({ path }) => constantNameOf(path)));
      const twice = names.find((name, at) => names.indexOf(name) !== at);
      if (twice !== undefined) throw new Error(`${folder} has two files that are ${twice}`);
      const texts = [
        HEAD,
        ...[...parts.values()].map((part) => `const ${shown(part.path)} = \`${lua(part)}\`;\n`),
        ...all.map(({ path, parts: list }) => {
          const before = list.slice(0, -1).map((part) => `\${${shown(part.path)}}`);
          return `export const ${constantNameOf(path)} = \`${before.join("")}${lua(list.at(-1)!)}\`;\n`;
        }),
      ];
      return [`${folder}generated.ts`, texts.join("\n")];
    }),
  );
}

/** `parts/run-clock.lua` is RUN_CLOCK_PART. */
const shown = (path: string): string => `${constantNameOf(path)}_PART`;

const templateOf = (lua: string): string => lua.replaceAll(/[\\`]|\$(?=\{)/g, "\\$&");

/** Redis needs no comments and no empty lines. */
export function bare(lua: string): string {
  const { comments = [] } = parse(lua, {
    luaVersion: "5.1",
    comments: true,
    locations: true,
    encodingMode: "none",
  });
  const starts = startsOf(lua);
  let text = lua;
  for (const { loc } of comments.toReversed()) {
    const from = starts[loc!.start.line - 1]! + loc!.start.column;
    const to = starts[loc!.end.line - 1]! + loc!.end.column;
    text = text.slice(0, from) + text.slice(to);
  }
  const lines = text.split("\n").map((line) => line.trimEnd());
  return `${lines.filter((line) => line !== "").join("\n")}\n`;
}

/** The text of a file with the values of its constants. */
function withConstants(
  { text }: LuaFile,
  uses: readonly ConstantUse[],
  constants: Readonly<Record<string, Constant>>,
): string {
  const starts = startsOf(text);
  const places = uses
    .map(({ name, line, column }) => ({ name, at: starts[line - 1]! + column }))
    .toSorted((a, b) => b.at - a.at);
  let filled = text;
  for (const { name, at } of places)
    filled = filled.slice(0, at) + literalOf(constants[name]!) + filled.slice(at + name.length);
  return filled;
}

function literalOf(value: Constant): string {
  if (typeof value === "string") return `'${value.replaceAll(/[\\']/g, "\\$&")}'`;
  if (typeof value === "object") {
    const fields = Object.entries(value).map(([name, one]) => `${name} = ${literalOf(one)}`);
    return `{ ${fields.join(", ")} }`;
  }
  // What JavaScript writes with an exponent or a sign Lua would read as something else in some places.
  const digits = String(value);
  if (!/^\d+(?:\.\d+)?$/.test(digits))
    throw new Error(`${digits} cannot be a constant of a script`);
  return digits;
}

function startsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

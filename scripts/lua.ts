// Checks the Lua scripts and writes the modules that are made of them.
// usage: npm run lua        checks, and writes what has changed
//        npm run lua:check  checks, and fails when a module is not up to date
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { CONSTANTS } from "./lua/constants.ts";
import { modulesOf } from "./lua/generated.ts";
import { told } from "./lua/problem.ts";
import { putTogether } from "./lua/scripts.ts";

/** Files of queues/ whose paths end so, in an order that no file system decides. */
const found = (ending: string): string[] =>
  readdirSync("queues", { recursive: true, encoding: "utf8" })
    .map((name) => `queues/${name.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(ending))
    .toSorted();

/** What stands in the scripts, and what should stand in the modules made of them: text by path. */
export function readScripts(): {
  readonly problems: readonly string[];
  readonly modules: ReadonlyMap<string, string>;
} {
  const texts = new Map(found(".lua").map((path) => [path, readFileSync(path, "utf8")]));
  const scripts = putTogether(texts, CONSTANTS);
  const problems = scripts.problems.map(told);
  return { problems, modules: problems.length > 0 ? new Map() : modulesOf(scripts, CONSTANTS) };
}

/** Modules that are not what the scripts say. */
export function staleModules(modules: ReadonlyMap<string, string>): string[] {
  const left = found("scripts/generated.ts").filter((path) => !modules.has(path));
  const changed = [...modules].filter(
    ([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text,
  );
  return [...left, ...changed.map(([path]) => path)];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { problems, modules } = readScripts();
  const stale = staleModules(modules);
  const lines = [...problems];
  if (problems.length === 0) {
    for (const path of stale) {
      const text = modules.get(path);
      if (process.argv.includes("--check") || text === undefined)
        lines.push(`${path} is not what its scripts say: npm run lua`);
      else writeFileSync(path, text);
    }
  }
  if (lines.length > 0) process.stderr.write(`${lines.join("\n")}\n`);
  process.exitCode = lines.length > 0 ? 1 : 0;
}

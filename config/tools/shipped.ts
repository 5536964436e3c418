import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import { parseDocument, type SourceDocument } from "../documents/yaml.ts";
import type { CatalogueParts, ToolEntry } from "./registry.ts";
import type { McpServerSpec } from "./tool.ts";

/** Written into a build beside the files that it was made of. */
const CHECKED = "checked.json";

/** What scripts/build.mjs keeps of a file: everything but the places of its parts. */
interface CheckedFile extends Omit<CatalogueParts, "tools"> {
  readonly tools: readonly Omit<ToolEntry, "positionOf">[];
}

/** The folder of the shipped catalogue: below this module's folder or one above it, in source and in any bundle. */
function folder(): URL {
  for (let above = new URL("./", import.meta.url); ; above = new URL("../", above)) {
    const found = new URL("config/catalogue/", above);
    if (existsSync(found) || above.pathname === "/") return found;
  }
}

/** Paths of the shipped catalogue's files. */
export function shippedFiles(): string[] {
  const at = folder();
  return readdirSync(at)
    .filter((name) => name.endsWith(".yaml"))
    .toSorted()
    .map((name) => fileURLToPath(new URL(name, at)));
}

/** The shipped files as the build checked them, by path. Empty in source. Checking them takes longer than all else at a start. */
export function checkedFiles(at: URL = folder()): ReadonlyMap<string, CatalogueParts> {
  const file = new URL(CHECKED, at);
  if (!existsSync(file)) return new Map();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by our build alone
  const files = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, CheckedFile>>;
  return new Map(
    Object.entries(files).map(([name, parts]) => {
      const path = fileURLToPath(new URL(basename(name), at));
      return [path, withPlaces(path, parts)];
    }),
  );
}

/** Places are for messages about a tool, so the file is read for them when there is one. */
function withPlaces(path: string, parts: CheckedFile): CatalogueParts {
  let document: SourceDocument | undefined;
  const servers = new Map<string, McpServerSpec>();
  const tools = parts.tools.map((entry, index): ToolEntry => {
    const { server, spec } = entry;
    const name = spec.binding?.type === "mcp" ? spec.binding.server : undefined;
    if (name !== undefined && server !== undefined && !servers.has(name)) servers.set(name, server);
    const shared = name === undefined ? undefined : servers.get(name);
    return {
      ...entry,
      ...(shared === undefined ? {} : { server: shared }),
      positionOf: (place) => {
        document ??= parseDocument(readFileSync(path, "utf8"), path);
        return document.positionOf(["tools", index, ...place]);
      },
    };
  });
  return { ...parts, tools };
}

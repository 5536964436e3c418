// A plugin for esbuild that looks through doors: whoever imports a name from a door (index.ts, queues/client.ts, ...) imports
// it from the file that declares it. A door only hands names on, but a bundler takes all that stands behind it for needed.
import { readFileSync } from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";

const DOOR = /\/(index|client|worker)\.ts$/;
const NAMES = /^(import|export)\s+(type\s+)?\{([^}]*)\}\s+from\s+"(\.[^"]*\.ts)";/gm;
const ALL = /^export\s+\*\s+from\s+"(\.[^"]*\.ts)";/gm;
const DECLARED =
  /^export\s+(?:async\s+)?(?:const|let|function\*?|class|enum)\s+([A-Za-z_$][\w$]*)/gm;

const isType = (name) => name.startsWith("type ");

/** `a as b` as what it is called there and here. */
function split(name) {
  const [there, here = there] = name.split(/\s+as\s+/);
  return { there, here };
}

const listed = (text) =>
  text
    .replaceAll(/\/\/.*$/gm, "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

const known = new Map();

/** The names that a door hands on, with the file that declares each; null for a file that declares anything itself. */
function doorOf(file) {
  if (!known.has(file)) known.set(file, readDoor(file));
  return known.get(file);
}

function readDoor(file) {
  if (!DOOR.test(file)) return null;
  const text = readFileSync(file, "utf8");
  const rest = text
    .replaceAll(NAMES, "")
    .replaceAll(ALL, "")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/^\s*\/\/.*$/gm, "");
  if (rest.trim() !== "") return null;
  const names = new Map();
  const put = (from, { there, here }) => {
    const behind = doorOf(from)?.get(there);
    names.set(here, behind ?? { file: from, name: there });
  };
  for (const [, , onlyTypes, found, path] of text.matchAll(NAMES)) {
    if (onlyTypes !== undefined) continue;
    const from = resolve(dirname(file), path);
    for (const name of listed(found)) if (!isType(name)) put(from, split(name));
  }
  for (const [, path] of text.matchAll(ALL)) {
    const from = resolve(dirname(file), path);
    const behind = doorOf(from);
    const own = readFileSync(from, "utf8").matchAll(DECLARED);
    for (const name of behind?.keys() ?? [...own].map(([, declared]) => declared))
      put(from, { there: name, here: name });
  }
  return names;
}

/** The text of a file with its imports and re-exports past all doors; no line moves. */
function throughDoors(file, text) {
  return text.replaceAll(NAMES, (whole, word, onlyTypes, found, path) => {
    if (onlyTypes !== undefined) return whole;
    const door = doorOf(resolve(dirname(file), path));
    if (door === null) return whole;
    const byFile = new Map();
    for (const name of listed(found)) {
      if (isType(name)) continue;
      const { there, here } = split(name);
      const declared = door.get(there);
      if (declared === undefined) return whole;
      const at = relative(dirname(file), declared.file).split(sep).join("/");
      const from = at.startsWith(".") ? at : `./${at}`;
      const said = declared.name === here ? here : `${declared.name} as ${here}`;
      byFile.set(from, [...(byFile.get(from) ?? []), said]);
    }
    const direct = [...byFile].map(
      ([from, names]) => `${word} { ${names.join(", ")} } from "${from}";`,
    );
    return direct.join(" ") + "\n".repeat(whole.split("\n").length - 1);
  });
}

/** Of all files below a folder. */
export const pastDoors = (root) => ({
  name: "past-doors",
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) =>
      path.startsWith(root + sep) && !path.includes(`${sep}node_modules${sep}`)
        ? { contents: throughDoors(path, readFileSync(path, "utf8")), loader: "ts" }
        : undefined,
    );
  },
});

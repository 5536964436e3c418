// Compiles to dist/ and copies the data files that the code reads at run time. Each door is bundled, with chunks that doors
// share: several hundred modules cost more to find than to run.
// usage: node scripts/build.mjs [--out folder] [--modules] [--no-check] [--if-stale] [--if-possible]
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { pastDoors } from "./doors.mjs";
import { root } from "./root.mjs";

/** Read at run time, relative to the compiled code. */
const DATA = ["config/catalogue", "schema"];
/** What the result depends on. */
const SOURCES = ["config", "queues", "processors", "src", "schema"];
const FILES = [
  "tsconfig.json",
  "tsconfig.build.json",
  "package-lock.json",
  "scripts/build.mjs",
  "scripts/doors.mjs",
];
/** What package.json names. */
const DOORS = ["src/index", "src/worker", "src/server/index", "src/cli/main", "src/cli/index"];
/** Bundled with our code, which uses a part of them alone: as packages they are a hundred files. */
const BUNDLED = ["zod", "@marcbachmann/cel-js", "lru-cache"];

const { values } = parseArgs({
  options: {
    out: { type: "string", default: "dist" },
    /** One file for each module and no bundles: for tests that load single modules. */
    modules: { type: "boolean", default: false },
    /** Leaves the types unchecked: for tests, which want speed. */
    "no-check": { type: "boolean", default: false },
    /** Does nothing when no source has changed. */
    "if-stale": { type: "boolean", default: false },
    /** Does nothing when there is no compiler: npm runs `prepare` also without it. */
    "if-possible": { type: "boolean", default: false },
  },
});
const out = resolve(root, values.out);
const draft = `${out}.${process.pid}`;
const compiler = join(root, "node_modules/typescript/bin/tsc");

function sourceHash() {
  const hash = createHash("sha256");
  const sources = SOURCES.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      // File systems list in any order.
      .toSorted((a, b) => (a < b ? -1 : 1)),
  );
  for (const path of [...FILES.map((file) => join(root, file)), ...sources]) {
    hash.update(path).update("\0").update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex");
}

async function bundle() {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const esbuild = await import("esbuild");
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: DOORS.map((door) => `${door}.ts`),
    outbase: ".",
    outdir: draft,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: true,
    plugins: [pastDoors(root)],
    logLevel: "warning",
  });
  for (const name of BUNDLED) {
    const license = readdirSync(join(root, "node_modules", name)).find((file) =>
      /^LICEN[CS]E/i.test(file),
    );
    cpSync(
      join(root, "node_modules", name, license),
      join(draft, "chunks", `${name.split("/").at(-1)}.LICENSE`),
    );
  }
}

/** The shipped catalogue as data, so that no process has to check it again. */
async function checkCatalogue() {
  const { catalogueParts } = await import(pathToFileURL(join(draft, "src/index.js")).href);
  const folder = join(draft, "config/catalogue");
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  const parts = files.map((name) => [
    name,
    catalogueParts(readFileSync(join(folder, name), "utf8"), name),
  ]);
  writeFileSync(join(folder, "checked.json"), JSON.stringify(Object.fromEntries(parts)));
}

/** What the help says of all commands, so that it is printed without them. */
async function outlineCommands() {
  const { allCommands, outlineOf } = await import(
    pathToFileURL(join(draft, "src/cli/index.js")).href
  );
  writeFileSync(
    join(draft, "src/cli/outline.json"),
    JSON.stringify(outlineOf(await allCommands())),
  );
}

async function build() {
  const options = ["-p", "tsconfig.build.json", "--outDir", draft];
  if (values["no-check"]) options.push("--noCheck");
  if (!values.modules) options.push("--emitDeclarationOnly", "--sourceMap", "false");
  const { status } = spawnSync(process.execPath, [compiler, ...options], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    return 1;
  }
  mkdirSync(draft, { recursive: true });
  if (!values.modules) await bundle();
  for (const folder of DATA) {
    if (!existsSync(join(root, folder))) continue;
    cpSync(join(root, folder), join(draft, folder), {
      recursive: true,
      filter: (source) => !source.endsWith(".ts"),
    });
  }
  await checkCatalogue();
  await outlineCommands();
  // Outside the project's own tree (the tests build elsewhere) nothing else says that this is ESM.
  if (values.out !== "dist") writeFileSync(join(draft, "package.json"), '{"type":"module"}\n');
  writeFileSync(join(draft, ".stamp"), sourceHash());
  // Only a complete build takes the place of the last one.
  rmSync(out, { recursive: true, force: true });
  renameSync(draft, out);
  return 0;
}

function isFresh() {
  const stamp = join(out, ".stamp");
  return existsSync(stamp) && readFileSync(stamp, "utf8") === sourceHash();
}

if (values["if-possible"] && !existsSync(compiler)) {
  process.stderr.write("no compiler installed; dist/ is left as it is\n");
} else if (!(values["if-stale"] && isFresh())) {
  try {
    process.exitCode = await build();
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

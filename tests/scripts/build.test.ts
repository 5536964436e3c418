import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { catalogueParts, loadCatalogue, type CatalogueParts } from "../../config/index.ts";
import { allCommands, outlineOf, runCli } from "../../src/cli/index.ts";

const CACHE = "node_modules/.cache/tutti";
const folder = resolve(mkdtempSync(join(CACHE, "build-")));
const built = join(folder, "dist");
const cli = join(built, "src/cli/main.js");
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  const args = ["scripts/build.mjs", "--no-check", "--out", built];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0 || stderr !== "") throw new Error(`the build ended with ${status}: ${stderr}`);
}, 120_000);

/** What Node loads for a script: its own code and packages, by the name of the package or "tutti". */
function loaded(script: string, ...args: readonly string[]): ReadonlyMap<string, number> {
  const coverage = mkdtempSync(join(folder, "loaded-"));
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: "utf8",
    // oxlint-disable-next-line node/no-process-env -- the environment of the test, and one switch of Node
    env: { ...process.env, NODE_V8_COVERAGE: coverage },
  });
  if (status !== 0 || stderr !== "") throw new Error(`it ended with ${status}: ${stderr}`);
  const found = new Map<string, number>();
  for (const file of readdirSync(coverage)) {
    const { result } = JSON.parse(readFileSync(join(coverage, file), "utf8")) as {
      readonly result: readonly { readonly url: string }[];
    };
    for (const { url } of result) {
      if (!url.startsWith("file:")) continue;
      const name = url.includes(built)
        ? "tutti"
        : (/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? url);
      found.set(name, (found.get(name) ?? 0) + 1);
    }
  }
  return found;
}

test("a build keeps the shipped catalogue as reading it gives it", () => {
  const at = join(built, "config/catalogue");
  const checked = JSON.parse(readFileSync(join(at, "checked.json"), "utf8")) as object;
  const files = readdirSync(at).filter((name) => name.endsWith(".yaml"));
  const read = files.map((name): [string, CatalogueParts] => [
    name,
    catalogueParts(readFileSync(join(at, name), "utf8"), name),
  ]);
  expect(checked).toEqual(JSON.parse(JSON.stringify(Object.fromEntries(read))));
  expect(read.flatMap(([, { tools }]) => tools)).toHaveLength(loadCatalogue().size);
});

test("what is built says the same as the sources", async () => {
  const { commands, ...rest } = outlineOf(await allCommands());
  const outline = readFileSync(join(built, "src/cli/outline.json"), "utf8");
  expect(JSON.parse(outline)).toEqual(JSON.parse(JSON.stringify({ commands, ...rest })));

  const lines = [
    [],
    ["--help"],
    ["--version"],
    ["help", "validate"],
    ["runs"],
    ["frob"],
    ["validate"],
    ["-o", "json", "validate", "examples/hello.yaml"],
    ["tools", "list", "--nosuch"],
    ["tools", "describe", "nosuch"],
    ["tools", "list"],
    ["plan", "examples/hello.yaml"],
    ["graph", "examples/hello.yaml", "--format", "mermaid"],
    ["import", "form", "examples/forms/nosuch.yaml"],
    ["runs", "list", "--help"],
  ];
  for (const line of lines) {
    const out = { text: "", write: (text: string) => (out.text += text) };
    const err = { text: "", write: (text: string) => (err.text += text) };
    const status = await runCli(line, { stdout: out, stderr: err });
    const ran = spawnSync(process.execPath, [cli, ...line], { encoding: "utf8" });
    expect([line, ran.status, ran.stdout, ran.stderr]).toEqual([line, status, out.text, err.text]);
  }
}, 120_000);

test("each door loads what it is for", () => {
  const client = loaded(join(built, "src/index.js"));
  for (const name of ["undici", "ajv", "yaml", "express", "pino", "@modelcontextprotocol/client"])
    expect([name, client.get(name)]).toEqual([name, undefined]);
  expect(client.get("bullmq")).toBeGreaterThan(10);

  expect([...loaded(cli, "--help").keys()].toSorted()).toEqual(["commander", "tutti"]);
  for (const line of [
    ["tools", "list"],
    ["tools", "describe", loadCatalogue().ids()[0]!],
    ["validate", "examples/hello.yaml"],
    ["plan", "examples/hello.yaml"],
    ["graph", "examples/hello.yaml", "--format", "dot"],
  ]) {
    const names = loaded(cli, ...line);
    for (const name of ["bullmq", "ioredis", "undici", "express"])
      expect([line, name, names.get(name)]).toEqual([line, name, undefined]);
  }
});

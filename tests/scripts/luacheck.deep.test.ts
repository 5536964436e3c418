import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { readScripts } from "../../scripts/lua.ts";

const folder = mkdtempSync(join(tmpdir(), "tutti-luacheck-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What stands before a script when it is sent: BullMQ's own functions and how they are called. */
const BULLMQ = ["scripts", "moves", "adding", "addingTexts", "releaseParent", "remove"];
/** What Redis gives a script, and what stands before it. */
const GLOBALS = ["redis", "cjson", "cmsgpack", "KEYS", "ARGV"].concat(BULLMQ);
/** A script includes whole parts and uses some of each (211, 221), and parts have short names for the same things (431). */
const IGNORED = ["211", "221", "431"];

const luacheck = (files: readonly string[]) =>
  spawnSync(
    "luacheck",
    ["--std", "lua51", "--codes", "--no-color", "--quiet", "--no-max-line-length"].concat([
      "--globals",
      ...GLOBALS,
      "--ignore",
      ...IGNORED,
      "--",
      ...files,
    ]),
    { encoding: "utf8" },
  );

const isThere = luacheck(["-"]).error === undefined;

async function assembled(): Promise<string[]> {
  const files: string[] = [];
  for (const path of readScripts().modules.keys()) {
    const scripts = (await import(`../../${path}`)) as Readonly<Record<string, string>>;
    for (const [name, text] of Object.entries(scripts)) {
      files.push(join(folder, `${name}.lua`));
      writeFileSync(files.at(-1)!, text);
    }
  }
  return files;
}

test.skipIf(!isThere)(
  "luacheck finds nothing in the scripts as they are sent (Debian: apt-get install lua-check)",
  async () => {
    const files = await assembled();
    expect(files.length).toBeGreaterThan(35);
    const { status, stdout } = luacheck(files);
    expect(stdout.replaceAll(`${folder}/`, "")).not.toMatch(/\((W|E)\d+\)/);
    expect(status).toBe(0);
  },
);

test.skipIf(!isThere)("luacheck sees what is wrong", () => {
  const file = join(folder, "wrong.lua");
  writeFileSync(file, "local a = 1\na = 2\nreturn nobody()\n");
  const { stdout } = luacheck([file]);
  expect(stdout).toContain("W113");
  expect(stdout).toContain("W231");
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import { ask, outlineOf, readOutline } from "../../../src/cli/outline.ts";

const OUTLINE = outlineOf({
  version: "1.2.3",
  groups: { runs: "Runs." },
  commands: [
    {
      words: "runs list",
      summary: "List runs.",
      help: "More of it.",
      given: { limit: { form: "--limit <count>", summary: "how many", parse: Number } },
    },
    { words: "validate", summary: "Check.", given: { file: { form: "<file>", summary: "" } } },
  ],
});

async function asked(...argv: string[]) {
  const out = { text: "", write: (text: string) => (out.text += text) };
  const err = { text: "", write: (text: string) => (err.text += text) };
  return {
    ...(await ask(OUTLINE, argv, { stdout: out, stderr: err })),
    out: out.text,
    err: err.text,
  };
}

test("help and version are printed, and nothing else is", async () => {
  expect(await asked("--version")).toMatchObject({ isAnswered: true, out: "1.2.3\n" });
  const help = await asked("runs", "list", "--help");
  expect(help.isAnswered).toBe(true);
  expect(help.out).toContain("list runs");
  expect(help.out).toContain("--limit <count>");
  expect(help.out).toContain("More of it.");
  for (const wrong of [["frob"], ["validate"], ["runs", "list", "--no"], []])
    expect([wrong, await asked(...wrong)]).toEqual([
      wrong,
      { isAnswered: false, words: null, out: "", err: "" },
    ]);
});

test("the command that is meant is found, wherever its options stand", async () => {
  for (const line of [
    ["-o", "json", "validate", "x"],
    ["validate", "x", "-o", "json"],
  ])
    expect((await asked(...line)).words).toBe("validate");
  expect((await asked("runs", "list", "--limit", "x")).words).toBe("runs list");
});

test("the outline of a build is read; sources have none", () => {
  const folder = mkdtempSync(join(tmpdir(), "tutti-outline-"));
  try {
    const file = pathToFileURL(join(folder, "outline.json"));
    expect(readOutline(file)).toBeNull();
    writeFileSync(file, JSON.stringify(OUTLINE));
    expect(readOutline(file)).toEqual(JSON.parse(JSON.stringify(OUTLINE)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

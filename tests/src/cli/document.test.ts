import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Cli } from "../../../src/cli/console/cli.ts";
import { readInput, readSource } from "../../../src/cli/console/document.ts";

const cli = new Cli({ stdout: { write: () => {} }, stderr: { write: () => {} } });
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tutti-input-"));
  await writeFile(join(folder, "input.json"), '{"a": 1, "b": "file", "c": [1]}');
});
afterAll(() => rm(folder, { recursive: true }));

test("files come first, then JSON, then single values", async () => {
  const input = [
    `@${join(folder, "input.json")}`,
    "b=pair",
    "n=3",
    "text=3 apples",
    "on=true",
    "e=",
  ];
  expect(
    await readInput(cli, { input: input.toReversed(), inputJson: '{"b": "json", "c": {}}' }),
  ).toEqual({ a: 1, b: "pair", c: {}, n: 3, text: "3 apples", on: true, e: "" });
});

test("a value may hold further equals signs", async () => {
  expect(await readInput(cli, { input: ["q=a=b"] })).toEqual({ q: "a=b" });
});

test.each([["=x"], ["x"], ["@/no/such/file"]])("--input %s is refused", async (text) => {
  await expect(readInput(cli, { input: [text] })).rejects.toMatchObject({
    code: "request_invalid",
  });
});

test("a file without an end is refused, not read", async () => {
  await expect(readSource(cli, "/dev/zero")).rejects.toMatchObject({ code: "document_too_large" });
});

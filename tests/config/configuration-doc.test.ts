import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { configurationTable } from "./configuration-table.ts";

test("docs/configuration.md lists every setting, and nothing that is none", () => {
  const rows = readFileSync("docs/configuration.md", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  expect(rows).toEqual(configurationTable());
});

test("every setting has a meaning", () => {
  expect(configurationTable().filter(([, , , meaning]) => !meaning?.endsWith("."))).toEqual([]);
});

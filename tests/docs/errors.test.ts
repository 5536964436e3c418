import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { ERROR_CODES } from "../../config/index.ts";

const rows = readFileSync("docs/errors.md", "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.slice(1, -1).split("|"))
  .map((cells) => cells.map((cell) => cell.trim()));

describe("docs/errors.md", () => {
  test("lists every code with its family and status, each once, and no other", () => {
    const listed = rows.map(([code = "", family, status]) => [
      code.replaceAll("`", ""),
      { family, status: Number(status) },
    ]);
    expect(Object.fromEntries(listed)).toEqual(ERROR_CODES);
    expect(listed).toHaveLength(Object.keys(ERROR_CODES).length);
  });

  test("says of each what causes it and what to do", () => {
    for (const cells of rows) {
      expect(cells).toHaveLength(5);
      expect(cells.slice(3).every((text) => text.endsWith("."))).toBe(true);
    }
  });
});

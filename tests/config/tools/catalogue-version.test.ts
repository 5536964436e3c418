import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { catalogueParts, compareVersions, ValidationError } from "../../../config/index.ts";

const text = (version: string): string => `tutti: 1\nversion: ${version}\n`;
const versionOf = (version: string): string | undefined =>
  catalogueParts(text(version), "c.yaml").version;

describe("a catalogue's version", () => {
  test.for([
    ["0", "0"],
    ["7", "7"],
    ["20261130", "20261130"],
    ['"1.10.2"', "1.10.2"],
    ["2026.11.30", "2026.11.30"],
    ["'0.0.1'", "0.0.1"],
  ] as const)("%s is read", ([written, read]) => {
    expect(versionOf(written)).toBe(read);
  });

  test.for([
    "1.10",
    "-1",
    "1.5",
    '"v2"',
    '"1."',
    '".1"',
    '"1..2"',
    '"1.2-beta"',
    '""',
    "null",
    "[1]",
    "true",
    '"1234567890123456"',
    "1.2.3.4.5.6.7.8.9",
  ])("%s is refused with its place", (written) => {
    let thrown: unknown;
    try {
      versionOf(written);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ValidationError);
    expect((thrown as ValidationError).issues).toMatchObject([
      { code: "catalogue_invalid", path: ["version"], position: { file: "c.yaml", line: 2 } },
    ]);
  });

  test("is carried by tools and budgets, and may be missing", () => {
    const body = `budgets: { gpu: { slots: 1 } }\ntools: [{ id: a, name: A, category: foundation, capabilities: [x] }]`;
    const { tools } = catalogueParts(`${text("3")}${body}`, "c.yaml");
    expect(tools.map(({ catalogueVersion }) => catalogueVersion)).toEqual(["3"]);
    const without = catalogueParts(`tutti: 1\n${body}`, "c.yaml");
    expect(without).not.toHaveProperty("version");
    expect(without.tools[0]).not.toHaveProperty("catalogueVersion");
  });

  test("orders number by number", () => {
    const ordered = [undefined, "0", "0.9", "0.10", "1", "1.0.1", "1.2", "1.10", "2", "10"];
    for (const [a, one] of ordered.entries())
      for (const [b, other] of ordered.entries())
        expect(Math.sign(compareVersions(one, other))).toBe(Math.sign(a - b));
    expect(compareVersions("1", "1.0.0")).toBe(0);
    expect(compareVersions("01", "1")).toBe(0);
  });

  test("is a total order", () => {
    const version = fc
      .array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 4 })
      .map((numbers) => numbers.join("."));
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

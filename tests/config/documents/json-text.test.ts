import { assert, bigInt, json, property } from "fast-check";
import { describe, expect, it } from "vitest";

import { parseDocument, parseJson } from "../../../config/index.ts";

const read = (text: string) => parseJson(text, "request_invalid");

describe("JSON from outside", () => {
  it("is read as the parser reads it", () => {
    assert(
      property(json({ maxDepth: 5 }), (text) => {
        expect(read(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("an integer is exact or refused, in JSON and in YAML", () => {
    assert(
      property(bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (value) => {
        for (const parse of [read, (text: string) => parseDocument(text, "x").data])
          try {
            expect(BigInt((parse(`[${value}]`) as number[])[0]!)).toBe(value);
          } catch (thrown) {
            expect(String(thrown)).toContain("holds exactly");
            expect(BigInt(Number(value))).not.toBe(value);
          }
      }),
    );
  });

  it.each([
    ['{"a":\n [12345678901234567890]}', "line 2, column 3"],
    ["9007199254740993", "9007199254740993"],
    ["-9007199254740993", "holds exactly"],
    ["1e400", "expected a number, got: 1e400"],
    ["-1e400", "expected a number"],
    ["9".repeat(1_000_000), "holds exactly"],
    ["[".repeat(2_000_000) + "]".repeat(2_000_000), "at most 100 levels"],
    ['{"a":'.repeat(2_000_000), "at most 100 levels"],
    ["{", "JSON"],
    ["[1,]", "JSON"],
  ])("%.30s is refused with its place", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it.each([
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992],
    ["100000000000000000000", 1e20],
    ["1e20", 1e20],
    ["0.12345678901234567890", 0.12345678901234568],
    ['"12345678901234567890 [[ \\" {"', '12345678901234567890 [[ " {'],
    ['"\\\\"', "\\"],
  ])("%s is kept", (text, value) => {
    expect(read(text)).toBe(value);
  });

  it("a document says where the integer stands", () => {
    expect(() => parseDocument("a:\n  b: 12345678901234567890\n", "x")).toThrow("holds exactly");
    try {
      parseDocument("a:\n  b: 0x20000000000001\n", "x");
      expect.unreachable();
    } catch (thrown) {
      expect(thrown).toMatchObject({ issues: [{ position: { line: 2, column: 6 } }] });
    }
    expect(parseDocument("a: '12345678901234567890'", "x").data).toEqual({
      a: "12345678901234567890",
    });
  });
});

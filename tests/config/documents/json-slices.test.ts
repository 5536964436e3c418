import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  json,
  jsonValue,
  nat,
  string,
  tuple,
} from "fast-check";
import { describe, expect, test } from "vitest";

import { inspectJsonInSlices, parseJson } from "../../../config/index.ts";

const read = (text: string) => inspectJsonInSlices(text, "request_invalid");
/** Longer than what is given to the engine's parser at once. Characters. */
const LONG = 300_000;

describe("JSON that is read in slices", () => {
  test("is read as the parser reads it, whatever stands at the seams", async () => {
    const values = tuple(
      jsonValue({ maxDepth: 4 }),
      array(constantFrom('"', "\\", "\n", "é", "😀", "x", "\u0000"), { maxLength: 12 }),
      nat(20),
      constantFrom(undefined, 1, "\t"),
    );
    await assert(
      asyncProperty(values, async ([value, unit, shift, space]) => {
        const text = "y".repeat(shift) + unit.join("").repeat(Math.ceil(LONG / (unit.length || 1)));
        const big = { [text.slice(0, 20)]: [value, { text, more: [value] }], value };
        const written = JSON.stringify(big, null, space);
        expect((await read(written)).value).toEqual(JSON.parse(written));
        // All of it escaped.
        const escaped = `["${"\\u00e9".repeat(LONG / 6 + shift)}"]`;
        expect((await read(escaped)).value).toEqual(JSON.parse(escaped));
      }),
      { numRuns: 15, seed: 7 },
    );
  }, 60_000);

  test("small texts, whole or broken, end as with the parser", async () => {
    await assert(
      asyncProperty(
        json({ maxDepth: 4 }),
        nat(),
        string({ maxLength: 2 }),
        async (text, at, put) => {
          const cut = at % (text.length + 1);
          for (const one of [text, text.slice(0, cut) + put + text.slice(cut)]) {
            let wanted: unknown;
            try {
              wanted = parseJson(one, "request_invalid");
            } catch {
              wanted = undefined;
            }
            let got: unknown;
            try {
              const { value, problem } = await read(one);
              got = problem === undefined ? value : undefined;
            } catch {
              got = undefined;
            }
            expect(got).toEqual(wanted);
          }
        },
      ),
      { numRuns: 500, seed: 7 },
    );
  });

  test.each([
    ["a list without end", "[1,".repeat(3) + "1,".repeat(LONG)],
    ["a text without end", `{"a":"${"x".repeat(2 * LONG)}`],
    ["two values", `${"[1]".padEnd(LONG)}[2]`],
    ["a comma too many", `[${"1,".repeat(LONG)}]`],
    ["a comma in front", `[,${"1,".repeat(LONG)}1]`],
    ["nothing before a comma", `[ ,"${"x".repeat(LONG)}"]`],
    ["a comma in front of a field", `{,"a":[${"1,".repeat(LONG)}1]}`],
    ["no key", `{${"1,".repeat(LONG)}1}`],
    ["no colon", `{"a" [${"1,".repeat(LONG)}1]}`],
    ["the wrong bracket", `[${"1,".repeat(LONG)}1}`],
    ["a raw line break in a text", `["${"x".repeat(LONG)}\n"]`],
    ["half an escape", `["${"x".repeat(LONG)}\\u00"]`],
    ["nothing", ""],
  ])("%s is refused", async (_, text) => {
    await expect(read(text)).rejects.toMatchObject({ code: "request_invalid" });
  });

  test("keys that look like inherited fields are fields", async () => {
    const text = `{"__proto__":[${"1,".repeat(LONG)}1],"constructor":1,"a":1,"a":2}`;
    const { value } = await read(text);
    expect(Object.keys(value as object)).toEqual(["__proto__", "constructor", "a"]);
    expect(value).toHaveProperty("a", 2);
  });

  test("what would be changed is told with its place, and the rest is there", async () => {
    const deep = "[".repeat(LONG) + "]".repeat(LONG);
    for (const [member, message] of [
      ["12345678901234567890", /holds exactly/],
      ["1e400", /expected a number/],
      [deep, /100 levels/],
    ] as const)
      expect(await read(`{"result":\n${member},"id":7}`)).toEqual({
        value: expect.objectContaining({ id: 7 }),
        problem: expect.stringMatching(new RegExp(`${message.source}.* \\(line 2`)),
      });
  });

  test.each([
    ["one long text", JSON.stringify({ text: "x".repeat(8_000_000) })],
    ["escapes only", JSON.stringify('"'.repeat(4_000_000))],
    ["many objects", JSON.stringify(Array.from({ length: 200_000 }, (_, id) => ({ id, a: "b" })))],
    ["nested lists", "[[1,2],".repeat(99) + `[${"1,".repeat(2_000_000)}1]` + "]".repeat(99)],
  ])("%s: other work goes on meanwhile", async (_, text) => {
    let turns = 0;
    let going = true;
    const count = () => {
      turns++;
      if (going) setImmediate(count);
    };
    setImmediate(count);
    const { problem } = await read(text);
    going = false;
    expect(problem).toBeUndefined();
    expect(turns).toBeGreaterThan(1);
  });
});

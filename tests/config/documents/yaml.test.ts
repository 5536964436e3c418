import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { checkPlainData, parseDocument, ValidationError } from "../../../config/index.ts";
import { expectDataOrProblems, SAMPLE } from "../../support/drawn/mutated-document.ts";

function problemsOf(text: string): string[] {
  try {
    parseDocument(text, "f.yaml");
    return [];
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map(
      ({ code, message, position }) =>
        `${position?.file}:${position?.line}:${position?.column} ${code} ${message}`,
    );
  }
}

describe("parseDocument", () => {
  test("gives plain data", () => {
    expect(parseDocument(SAMPLE, "f.yaml").data).toMatchObject({
      tutti: 1,
      steps: [
        {
          with: { path: "${{ input.path }}", "quoted key": "single ' quote" },
          retry: { maxAttempts: 3 },
        },
        { note: "several\n  lines\n" },
      ],
    });
  });

  test("reads JSON", () => {
    expect(parseDocument('{"a": [1, {"b": null}]}', "f.json").data).toEqual({
      a: [1, { b: null }],
    });
  });

  test("knows where keys and values stand, through aliases too", () => {
    const document = parseDocument(SAMPLE, "f.yaml");
    const at = (path: (string | number)[], part?: "key" | "value") => {
      const { line, column } = document.positionOf(path, part);
      return `${line}:${column}`;
    };
    expect(at(["id"])).toBe("2:5");
    expect(at(["id"], "key")).toBe("2:1");
    expect(at(["inputs", "properties", "path", "type"])).toBe("3:53");
    expect(at(["steps", 0, "with", "path"])).toBe("10:13");
    expect(at(["steps", 0, "with", "quoted key"], "key")).toBe("11:7");
    expect(at(["steps", 0, "retry", "maxAttempts"])).toBe("5:16");
    expect(at(["steps", 1])).toBe("13:5");
    expect(at(["steps", 0, "missing", "deeper"]), "the deepest part that exists").toBe("7:5");
    expect(at([])).toBe("1:1");
  });

  test("an unterminated collection is reported with its place, all problems at once", () => {
    const problems = problemsOf("a: [1\nb: 'x");
    expect(problems.length).toBeGreaterThan(1);
    expect(problems[0]).toMatch(/^f\.yaml:2:1 document_syntax /);
  });

  test.each([
    [
      "duplicate keys",
      "a: 1\nb: {c: 1, c: 2}\na: 3",
      'f.yaml:3:1 document_syntax the key "a" stands here twice',
    ],
    [
      "__proto__",
      "x:\n  __proto__: {a: 1}",
      'f.yaml:2:3 document_invalid the key "__proto__" is not allowed',
    ],
    [
      "constructor",
      '{"constructor": 1}',
      'f.yaml:1:2 document_invalid the key "constructor" is not allowed',
    ],
    ["custom tags", "a: !foo bar", "f.yaml:1:4 document_syntax Unresolved tag: !foo"],
    [
      "numbers JSON cannot hold",
      "a: .nan",
      "f.yaml:1:1 document_invalid expected JSON data, got: NaN",
    ],
    ["a cycle", "a: &a [*a]", "f.yaml:1:8 document_invalid expected a tree, got: a cycle"],
  ])("refuses %s", (_, text, problem) => {
    expect(problemsOf(text)).toContain(problem);
  });

  test.each([
    ["an unknown alias", "a: *b"],
    ["several documents", "a: 1\n---\nb: 2"],
    ["keys that are no text", "? [a]\n: b"],
    ["deep flow nesting", "[".repeat(200_000)],
    ["balanced deep flow nesting", "[".repeat(5_000) + "]".repeat(5_000)],
    [
      "deep block nesting",
      Array.from({ length: 3_000 }, (_, n) => `${" ".repeat(n)}a:`).join("\n"),
    ],
    ["deep compact nesting", `${"- ".repeat(50_000)}a`],
    ["many anchors", `[${Array.from({ length: 2_000 }, (_, n) => `&a${n} 1, *a${n}`).join(",")}]`],
  ])("refuses %s", (_, text) => {
    expect(problemsOf(text)[0]).toContain("document_syntax");
  });

  test("refuses texts that are too large, or become so through aliases", () => {
    expect(problemsOf("x".repeat(5_000_001))[0]).toContain("document_too_large");
    const bomb = "bcdefghij".split("").map((name, n) => {
      const before = "abcdefghi"[n];
      return `${name}: &${name} [${Array(9).fill(`*${before}`).join(",")}]`;
    });
    expect(problemsOf(`a: &a [1]\n${bomb.join("\n")}`)[0]).toContain("document_too_large");
    expect(problemsOf(`[${"1,".repeat(500_001)}1]`)[0]).toContain("document_too_large");
  });

  test("an alias may be used many times while the document stays small", () => {
    const uses = Array.from({ length: 300 }, (_, n) => `s${n}: *r`).join("\n");
    expect(problemsOf(`r: &r {n: 1}\n${uses}`)).toEqual([]);
  });

  // The slow tier has 2,000.
  test("500 mutations of a document: data, or a ValidationError, nothing else", () =>
    expectDataOrProblems(500));
});

const messagesOf = (value: unknown) =>
  checkPlainData(value).map(({ path, message }) => `${path.join(".")}: ${message}`);

describe("checkPlainData", () => {
  test("any JSON value passes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: "small" }), (value) => {
        const copy: unknown = JSON.parse(JSON.stringify(value));
        const text = JSON.stringify(value);
        fc.pre(!/"(__proto__|constructor|prototype)"/.test(text));
        expect(checkPlainData(copy)).toEqual([]);
      }),
    );
  });

  test("names every value that is not JSON", () => {
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    let called = false;
    const value = {
      date: new Date(0),
      thing: new Map(),
      call: () => 1,
      none: undefined,
      big: 1n,
      nan: Number.NaN,
      cyclic,
      list: [Symbol("x")],
      get trap() {
        called = true;
        return 1;
      },
    };
    expect(messagesOf(value)).toEqual([
      "date: expected JSON data, got: an instance of Date",
      "thing: expected JSON data, got: an instance of Map",
      "call: expected JSON data, got: function",
      "none: expected JSON data, got: undefined",
      "big: expected JSON data, got: bigint",
      "nan: expected JSON data, got: NaN",
      "cyclic.self: expected a tree, got: a cycle",
      "list.0: expected JSON data, got: symbol",
      "trap: expected JSON data, got: a getter",
    ]);
    expect(called).toBe(false);
  });

  test("refuses dangerous keys, depth and size", () => {
    expect(messagesOf(JSON.parse('{"a": {"__proto__": {"x": 1}}}'))).toEqual([
      'a.__proto__: the key "__proto__" is not allowed',
    ]);
    let deep: unknown = 1;
    for (let level = 0; level < 102; level++) deep = [deep];
    expect(messagesOf(deep)[0]).toContain("expected at most 100 levels");
    expect(checkPlainData("x".repeat(100), 50)[0]?.code).toBe("document_too_large");
    let shared: unknown = ["x"];
    for (let level = 0; level < 60; level++) shared = [shared, shared];
    expect(checkPlainData(shared)[0]?.code, "shared parts count each time").toBe(
      "document_too_large",
    );
  });

  test("a proxy that throws is one more problem", () => {
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("no");
        },
      },
    );
    expect(messagesOf({ hostile })[0]).toContain("an object that throws: no");
  });
});

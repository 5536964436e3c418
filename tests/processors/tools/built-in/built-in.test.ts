import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

import { loadCatalogue, type JsonObject } from "../../../../config/index.ts";
import { bindTools, builtInHandlers } from "../../../../processors/index.ts";
import { codeOf, contextOf, thrownBy } from "../bindings/contract.ts";

const registry = loadCatalogue();
const folder = mkdtempSync(join(tmpdir(), "tutti-tools-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tools = bindTools({ registry, handlers: builtInHandlers(folder) });
const call = (id: string, input: object, signal?: AbortSignal) =>
  tools.call(id, { ...input }, contextOf(signal));

test("every function has a shipped tool and every shipped in_process tool its function", () => {
  const bound = registry.ids().filter((id) => tools.isBound(id));
  expect(bound.toSorted()).toEqual(Object.keys(builtInHandlers()).toSorted());
});

describe("core", () => {
  test("echo returns its input", async () => {
    expect(await call("core.echo", { a: [1, { b: null }] })).toEqual({ a: [1, { b: null }] });
  });

  test("sleep says how long it slept, and wakes when it is aborted", async () => {
    const { sleptMs } = (await call("core.sleep", { ms: 20 })) as { sleptMs: number };
    expect(sleptMs).toBeGreaterThanOrEqual(19);
    const cancel = new AbortController();
    const long = thrownBy(call("core.sleep", { ms: 1_000_000 }, cancel.signal));
    const reason = new Error("enough");
    cancel.abort(reason);
    expect(await long).toBe(reason);
    expect(await codeOf(call("core.sleep", { ms: -1 }))).toBe("input_invalid");
  });

  test("fail fails, for good or for now", async () => {
    expect(await thrownBy(call("core.fail", {}))).toMatchObject({
      code: "tool_failed",
      message: "failed on purpose",
    });
    expect(await codeOf(call("core.fail", { retryable: true }))).toBe("step_execution_failed");
  });

  test("wait-for-file waits until the file is there", async () => {
    const path = join(folder, "late.txt");
    const waiting = call("core.wait-for-file", { path, pollMs: 5 });
    writeFileSync(path, "12345");
    expect(await waiting).toEqual({ path, bytes: 5 });
    const cancel = new AbortController();
    const never = thrownBy(call("core.wait-for-file", { path: `${path}.no` }, cancel.signal));
    cancel.abort("stop");
    expect(await never).toBe("stop");
  });
});

describe("text.tally", () => {
  test("most frequent first, then by text; top limits the list only", async () => {
    const items = ["b", "a", "b", "c", "a", "constructor"];
    expect(await call("text.tally", { items, top: 2 })).toEqual({
      total: 6,
      distinct: 4,
      counts: [
        { value: "a", count: 2 },
        { value: "b", count: 2 },
      ],
    });
    expect(await call("text.tally", { items: [] })).toEqual({ total: 0, distinct: 0, counts: [] });
  });
});

describe("stats.describe", () => {
  test("no samples, no numbers", async () => {
    expect(await call("stats.describe", { values: [] })).toEqual({
      count: 0,
      min: null,
      max: null,
      mean: null,
      median: null,
      p90: null,
      p95: null,
      stddev: null,
    });
  });

  test("known values", async () => {
    expect(await call("stats.describe", { values: [7] })).toMatchObject({
      mean: 7,
      p95: 7,
      stddev: null,
    });
    const result = await call("stats.describe", { values: [9, 2, 4, 4, 5, 4, 5, 7] });
    expect(result).toMatchObject({ count: 8, min: 2, max: 9, mean: 5, median: 4.5 });
    expect((result as { stddev: number }).stddev).toBeCloseTo(Math.sqrt(32 / 7), 12);
    expect((result as { p90: number }).p90).toBeCloseTo(7.6, 12);
  });

  test("order does not matter, and percentiles lie between the extremes", async () => {
    const values = fc.array(fc.integer({ min: -1_000, max: 1_000 }), {
      minLength: 1,
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(values, async (list) => {
        const one = (await call("stats.describe", { values: list })) as Record<string, number>;
        const other = (await call("stats.describe", { values: list.toReversed() })) as typeof one;
        expect(other["p95"]).toBe(one["p95"]);
        expect(other["mean"]).toBeCloseTo(one["mean"] ?? 0, 9);
        expect(one["p90"]).toBeGreaterThanOrEqual(one["median"] ?? 0);
        expect(one["max"]).toBeGreaterThanOrEqual(one["p95"] ?? 0);
      }),
      { numRuns: 50 },
    );
  });
});

describe("report.markdown", () => {
  const path = join(folder, "deep", "report.md");

  test("writes the whole file at once, with text that cannot become markup", async () => {
    const input = {
      path,
      title: "A *title*",
      sections: [
        { heading: "Text", text: "Some **Markdown**.\n" },
        { heading: "List", list: ["one", "<b>two</b>", 3, null] },
        {
          heading: "Table",
          table: {
            columns: ["name", "n"],
            rows: [["a|b", 1], ["two\nlines", 2], ["short"].concat()],
          },
        },
        { heading: "Image", image: "my chart (1).svg" },
      ],
    };
    const output = await call("report.markdown", input);
    const text = readFileSync(path, "utf8");
    expect(output).toEqual({ path, bytes: Buffer.byteLength(text) });
    expect(text).toBe(
      String.raw`# A \*title\*

## Text

Some **Markdown**.

## List

- one
- \<b\>two\</b\>
- 3
-${" "}

## Table

| name | n |
| --- | --- |
| a\|b | 1 |
| two lines | 2 |
| short |  |

## Image

![Image](<my chart (1).svg>)
`,
    );
    expect(readdirSync(join(folder, "deep")), "no temporary file is left").toEqual(["report.md"]);
  });

  test("writing it again is the same", async () => {
    const before = readFileSync(path, "utf8");
    await call("report.markdown", { path, title: "x" });
    expect(readFileSync(path, "utf8")).toBe("# x\n");
    expect(before).not.toBe("# x\n");
  });

  test("a folder in the way is told, and nothing is left", async () => {
    const thrown = await codeOf(call("report.markdown", { path: folder, title: "x" }));
    expect(thrown).toBe("input_invalid");
    expect(
      readdirSync(join(folder, "..")).filter((name) => name.startsWith(".tutti-tools-")),
    ).toEqual([]);
  });
});

describe("chart.svg", () => {
  const path = join(folder, "chart.svg");
  const draw = async (input: JsonObject): Promise<string> => {
    await call("chart.svg", { path, title: "T", labels: ["a", "b", "c"], ...input });
    return readFileSync(path, "utf8");
  };

  test("bars: one for each value, none for gaps, from zero", async () => {
    const svg = await draw({
      kind: "bar",
      unit: "ms",
      series: [
        { name: "up", values: [1, null, 3] },
        { name: "down", values: [-1, -2, 0] },
      ],
    });
    expect(svg.match(/<rect [^>]*><title>/g)).toHaveLength(5);
    expect(svg).toContain("<title>up, c: 3 ms</title>");
    expect(svg).not.toMatch(/NaN|undefined|height="-/);
  });

  test("lines are broken where nothing was measured", async () => {
    const svg = await draw({ kind: "line", series: [{ name: "x", values: [1, null, 3] }] });
    expect(svg.match(/<path d="(M[\d.]+ [\d.]+)(M[\d.]+ [\d.]+)"/)).not.toBeNull();
    expect(svg.match(/<circle/g)).toHaveLength(2);
  });

  test("screen readers get title and description; texts cannot become markup", async () => {
    const series = [{ name: `<script>&"`, values: [1, 2, 3] }];
    const svg = await draw({
      kind: "bar",
      title: "A < B",
      labels: ["<a>", "b", "\u0001c"],
      series,
    });
    expect(svg).toContain('role="img" aria-labelledby="title desc"');
    expect(svg).toContain('<title id="title">A &lt; B</title>');
    expect(svg).toMatch(/<desc id="desc">A bar chart of &lt;script&gt;&amp;&quot;, 3 values each/);
    expect(svg).not.toContain("<script>");
    expect(svg).not.toContain("\u0001");
  });

  test("any data gives finite coordinates inside the canvas", async () => {
    const value = fc.option(fc.double({ noNaN: true, min: -1e12, max: 1e12 }));
    const chart = fc.record({
      kind: fc.constantFrom("bar", "line"),
      labels: fc.array(fc.string({ maxLength: 30 }), { minLength: 1, maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(
        chart,
        fc.array(value, { minLength: 40, maxLength: 40 }),
        async (given, values) => {
          const series = [{ name: "x", values: values.slice(0, given.labels.length) }];
          const svg = await draw({ ...given, series });
          expect(svg).not.toMatch(/NaN|Infinity|undefined/);
          for (const [, y = ""] of svg.matchAll(/ (?:cy|y)="([^"]+)"/g)) {
            expect(Number(y)).toBeGreaterThanOrEqual(0);
            expect(Number(y)).toBeLessThanOrEqual(400);
          }
        },
      ),
      { numRuns: 100 },
    );
    expect(statSync(path).size).toBeGreaterThan(0);
  });

  test("a value is missing or too many: refused before anything is written", async () => {
    const input = { path: join(folder, "no.svg"), title: "T", kind: "bar", labels: ["a"] };
    const series = [{ name: "x", values: [1, 2] }];
    expect(await codeOf(call("chart.svg", { ...input, series }))).toBe("input_invalid");
    expect(readdirSync(folder)).not.toContain("no.svg");
  });
});

describe("text.records", () => {
  test("the last field takes the rest, what does not fit is counted", async () => {
    const input = {
      lines: ["a:1:x:y", "b:2:", "short:1", "c:many:z"],
      separator: ":",
      fields: ["name", "count", "rest"],
      numbers: ["count"],
    };
    expect(await call("text.records", input)).toEqual({
      records: [
        { name: "a", count: 1, rest: "x:y" },
        { name: "b", count: 2, rest: "" },
      ],
      skipped: 2,
    });
  });
});

describe("text.measure", () => {
  test("lines, words and the first heading in either style", async () => {
    const texts = ["# One #\n\ntwo words\n", "Title\n=====\nx", "", "no heading\n\n---\n"];
    const { texts: measured } = (await call("text.measure", {
      names: ["a", "b", "c", "d"],
      texts,
    })) as { texts: unknown[] };
    expect(measured).toEqual([
      { name: "a", lines: 3, words: 5, heading: "One" },
      { name: "b", lines: 3, words: 3, heading: "Title" },
      { name: "c", lines: 0, words: 0, heading: null },
      { name: "d", lines: 3, words: 3, heading: null },
    ]);
    expect(await codeOf(call("text.measure", { names: [], texts: ["x"] }))).toBe("input_invalid");
  });
});

describe("data.group", () => {
  const rows = [
    { path: "a/x.TS", lines: 3 },
    { path: "b.ts", lines: 4 },
    { path: "a/.gitignore", lines: 1 },
    { path: "Makefile", lines: "not a number" },
  ];

  test("by a whole value, an extension or a folder", async () => {
    const byExtension = { rows, by: "path", part: "extension", sum: ["lines"] };
    expect(await call("data.group", byExtension)).toEqual({
      total: 4,
      distinct: 2,
      groups: [
        { value: "", count: 2, sums: { lines: 1 } },
        { value: ".ts", count: 2, sums: { lines: 7 } },
      ],
      rest: { groups: 0, count: 0, sums: { lines: 0 } },
    });
    expect(await call("data.group", { rows, by: "path", part: "folder" })).toMatchObject({
      groups: [
        { value: "", count: 2 },
        { value: "a", count: 2 },
      ],
    });
    expect(await call("data.group", { rows, by: "path", top: 1 })).toMatchObject({
      groups: [{ value: "Makefile" }],
      rest: { groups: 3, count: 3 },
    });
  });

  test("sorted by a sum; a field that no row has is one group", async () => {
    const sorted = { rows, by: "path", part: "extension", sum: ["lines"], sortBy: "lines", top: 1 };
    expect(await call("data.group", sorted)).toMatchObject({
      groups: [{ value: ".ts" }],
      rest: { count: 2, sums: { lines: 1 } },
    });
    expect(await call("data.group", { rows, by: "all", sum: ["lines"] })).toMatchObject({
      groups: [{ value: "", count: 4, sums: { lines: 8 } }],
    });
    expect(await call("data.group", { rows: [], by: "all" })).toMatchObject({ groups: [] });
  });
});

describe("time.histogram", () => {
  const count = (times: string[], more = {}) => call("time.histogram", { times, ...more });

  test("periods without times are there, in UTC", async () => {
    expect(await count(["2026-03-01T23:30:00-02:00", "2026-02-27T10:00:00Z", "nonsense"])).toEqual({
      unit: "day",
      labels: ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"],
      counts: [1, 0, 0, 1],
      total: 2,
      invalid: 1,
      left: 0,
    });
  });

  test("weeks begin on Mondays, months and years in January", async () => {
    const times = ["2025-12-31T00:00:00Z", "2026-01-05T00:00:00Z"];
    expect(await count(times, { unit: "week" })).toMatchObject({
      labels: ["2025-12-29", "2026-01-05"],
    });
    expect(await count(times, { unit: "month" })).toMatchObject({ labels: ["2025-12", "2026-01"] });
    expect(await count(times, { unit: "year" })).toMatchObject({ labels: ["2025", "2026"] });
  });

  test("auto takes the finest unit that fits; the latest bars are kept", async () => {
    const times = ["2020-01-01T00:00:00Z", "2020-02-09T00:00:00Z"];
    expect(await count(times, { maxBars: 40 })).toMatchObject({ unit: "day" });
    expect(await count(times, { maxBars: 39 })).toMatchObject({ unit: "week" });
    expect(await count(times, { maxBars: 2 })).toMatchObject({ unit: "month", counts: [1, 1] });
    expect(await count(times, { unit: "day", maxBars: 2 })).toMatchObject({
      counts: [0, 1],
      left: 1,
    });
    expect(await count([])).toEqual({
      unit: "day",
      labels: [],
      counts: [],
      total: 0,
      invalid: 0,
      left: 0,
    });
  });
});

describe("chart.svg of rows", () => {
  const chart = (more: object) => ({
    path: join(folder, "rows.svg"),
    title: "T",
    kind: "rows",
    labels: ["a", "b & c"],
    series: [{ name: "n", values: [10, null] }],
    ...more,
  });

  test("draws lying bars where they begin, and none where nothing was measured", async () => {
    await call("chart.svg", chart({ starts: [5, 0], unit: "ms" }));
    const svg = readFileSync(join(folder, "rows.svg"), "utf8");
    expect(svg).toContain("<title>a: 10 ms</title>");
    expect(svg).toContain("b &amp; c");
    expect(svg.match(/<rect x=/g)).toHaveLength(1);
  });

  test("takes one series and a start for each label", async () => {
    const two = chart({ series: [1, 2].map((name) => ({ name: `${name}`, values: [1, 2] })) });
    expect(await codeOf(call("chart.svg", two))).toBe("input_invalid");
    expect(await codeOf(call("chart.svg", chart({ starts: [1] })))).toBe("input_invalid");
  });
});

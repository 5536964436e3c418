import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import {
  catalogueParts,
  compileActual,
  loadCatalogue,
  toolSpec,
  ToolRegistry,
  ValidationError,
} from "../../../config/index.ts";

const folder = mkdtempSync(join(tmpdir(), "tutti-limits-"));
afterAll(() => rmSync(folder, { recursive: true }));

function load(...texts: readonly string[]): ToolRegistry {
  const files = texts.map((text, index) => {
    const path = join(folder, `${index}.yaml`);
    writeFileSync(path, text);
    return path;
  });
  return loadCatalogue({ files, shipped: false });
}

/** The problems of the last text, each with its line and the text that its position points at. */
function problemsOf(...texts: readonly string[]): string[] {
  try {
    load(...texts);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map(({ code, message, position, suggestion }) => {
      const line = texts.at(-1)?.split("\n")[(position?.line ?? 0) - 1] ?? "";
      const [at = ""] = /^[\w"$-]+|./.exec(line.slice((position?.column ?? 1) - 1)) ?? [];
      const meant = suggestion === undefined ? "" : ` (did you mean ${suggestion}?)`;
      return `${position?.line} at ${at}: ${code} ${message}${meant}`;
    });
  }
}

const lines = (...text: readonly string[]) => text.join("\n");
const T = "name: T, category: foundation, capabilities: [x]";
const tool = (more: string, id = "a") => `  - { id: ${id}, ${T}, ${more} }`;
const tools = (...more: string[]) => lines("tutti: 1", "tools:", ...more.map((one) => tool(one)));

describe("budgets", () => {
  const GPU = lines("tutti: 1", "budgets:", "  gpu: { slots: 2 }");

  test("hold for tools of other files, and a later file's takes the place of an earlier one's", () => {
    const registry = load(GPU, tools("budgets: { gpu: 2 }"));
    expect(registry.budgets()).toEqual({ gpu: { slots: 2 } });
    const more = lines(
      "tutti: 1",
      "budgets:",
      "  gpu: { rates: [{ max: 3, durationMs: 1000 }] }",
      "  disk: { slots: 1 }",
    );
    expect(load(GPU, more).budgets()).toEqual({
      gpu: { rates: [{ max: 3, durationMs: 1_000 }] },
      disk: { slots: 1 },
    });
  });

  test("stand in a registry that a program makes out of a text", () => {
    const parts = catalogueParts(GPU, "t.yaml");
    const registry = new ToolRegistry(parts.tools, parts.budgets);
    expect(registry.budget("gpu")).toEqual({ slots: 2 });
    expect(registry.budget("tpu")).toBeUndefined();
  });

  test("everything that is wrong between tools and budgets is told with its place", () => {
    const text = lines(
      "tutti: 1",
      "budgets:",
      "  gpu: { slots: 2 }",
      "  openai: { slots: 5, rates: [{ max: 3, durationMs: 1000 }, { max: 100, durationMs: 60000 }] }",
      "tools:",
      tool("budgets: { gpuu: 1, gpu: 3 }"),
      tool("budgets: { openai: { slots: 6, cost: 4 } }", "b"),
      tool("budgets: { openai: 5 }", "c"),
    );
    expect(problemsOf(text)).toEqual([
      '6 at 1: catalogue_invalid a.budgets names "gpuu", which is no budget (did you mean gpu?)',
      "6 at 3: catalogue_invalid expected a.budgets.gpu to be at most 2, as the budget gpu has 2 slots, got: 3",
      "7 at 6: catalogue_invalid expected b.budgets.openai.slots to be at most 5, as the budget openai has 5 slots, got: 6",
      "7 at 4: catalogue_invalid expected b.budgets.openai.cost to be at most 3, as the budget openai has 3 units in 1000 ms, got: 4",
      "8 at 5: catalogue_invalid expected c.budgets.openai to be at most 3, as the budget openai has 3 units in 1000 ms, got: 5",
    ]);
  });

  test.each([
    ["neither slots nor rates", "b: {}", "expected slots, rates or both, got: neither"],
    [
      "a name of a private budget",
      "'tool:a': { slots: 1 }",
      'expected the name "tool:a" in budgets',
    ],
    ["no slot at all", "b: { slots: 0 }", "expected budgets.b.slots to be more than 0, got: 0"],
    [
      "no window",
      "b: { rates: [] }",
      "expected budgets.b.rates to be at least 1 items long, got: []",
    ],
  ])("%s is refused", (_name, line, message) => {
    const problems = problemsOf(lines("tutti: 1", "budgets:", `  ${line}`));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });
});

describe("limits of a tool", () => {
  test("a rate is one window or several", () => {
    const one = { max: 3, durationMs: 1_000 };
    const two = { max: 100, durationMs: 60_000 };
    const rateOf = (rate: unknown) =>
      toolSpec.parse({
        id: "a",
        name: "T",
        category: "foundation",
        capabilities: ["x"],
        limits: { rate },
      }).limits.rate;
    expect(rateOf(one)).toEqual(one);
    expect(rateOf([one, two])).toEqual([one, two]);
  });

  test.each([
    [
      "limits: { rate: { max: 0, durationMs: 5 } }",
      "3 at 0: catalogue_invalid expected tools[0].limits.rate.max to be more than 0, got: 0",
    ],
    [
      "limits: { rate: [{ max: 1, durationMs: 5 }, { max: 1, duration: 5 }] }",
      "3 at {: catalogue_invalid expected tools[0].limits.rate[1].durationMs to be given (a number)",
      '3 at duration: catalogue_invalid unknown key "duration" in tools[0].limits.rate[1] (did you mean durationMs?)',
    ],
    [
      "limits: { rate: fast }",
      '3 at fast: catalogue_invalid expected tools[0].limits.rate to be a window {max, durationMs}, or a list of them, got: "fast"',
    ],
    [
      "limits: { concurrency: 2, cost: 2 }",
      "3 at 2: catalogue_invalid limits.cost means nothing without limits.rate",
    ],
    [
      "limits: { rate: [{ max: 3, durationMs: 1 }, { max: 2, durationMs: 9 }], cost: 3 }",
      "3 at 3: catalogue_invalid expected limits.cost to be at most 2, as limits.rate has 2 units in 9 ms, got: 3",
    ],
    [
      "limits: { maxConcurrency: 3 }",
      "3 at 3: catalogue_invalid limits.maxConcurrency means nothing without limits.concurrency",
    ],
    [
      "limits: { concurrency: 4, maxConcurrency: 3 }",
      "3 at 3: catalogue_invalid expected limits.maxConcurrency to be at least 4, as limits.concurrency is, got: 3",
    ],
    [
      "limits: { perKey: { by: tenant } }",
      "3 at {: catalogue_invalid tools[0].limits.perKey: expected concurrency, rate or both, got: neither",
    ],
    [
      "limits: { perKey: { by: actor, concurrency: 1 } }",
      '3 at actor: catalogue_invalid expected tools[0].limits.perKey.by to be one of tenant, step, got: "actor"',
    ],
    [
      "limits: { perKey: { by: step, rate: { max: 2, durationMs: 9 } }, cost: 3 }",
      "3 at 3: catalogue_invalid expected limits.cost to be at most 2, as limits.perKey.rate has 2 units in 9 ms, got: 3",
    ],
    [
      "resources: { cpu: 1.5 }",
      "3 at 1: catalogue_invalid expected tools[0].resources.cpu to be at most 1, got: 1.5",
    ],
    [
      "importance: high",
      '3 at high: catalogue_invalid expected tools[0].importance to be one of critical, essential, optional, got: "high"',
    ],
  ])("%s is told with its place", (more, ...expected) => {
    expect(problemsOf(tools(more))).toEqual(expected);
  });
});

describe("the units that a call really used", () => {
  test("are an expression over result and args", () => {
    const actual = compileActual("${{ result.usage.total + args.base }}");
    expect(actual.evaluate({ result: { usage: { total: 7 } }, args: { base: 1 } })).toBe(8);
  });

  test.each([
    ["7", "expected one expression ${{ ... }}, got: 7"],
    ["used ${{ result.n }}", "expected one expression ${{ ... }}, got: used ${{ result.n }}"],
    ["${{ result.n }}${{ args.n }}", "Unexpected character"],
    ["${{ input.n }}", "Unknown variable: input"],
    ["${{ secrets.N }}", "Unknown variable: secrets"],
    ["${{ result. }}", "Expected"],
  ])("%s is refused", (actual, message) => {
    const [problem, ...more] = problemsOf(
      lines(
        "tutti: 1",
        "budgets: { b: { slots: 1 } }",
        "tools:",
        tool(`budgets: { b: { actual: ${JSON.stringify(actual)} } }`),
      ),
    );
    expect(more).toEqual([]);
    expect(problem).toMatch(/^4 at "[$u7]\S*: catalogue_invalid /);
    expect(problem).toContain(message);
  });
});

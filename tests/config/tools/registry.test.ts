import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  CATEGORIES,
  isTuttiError,
  loadCatalogue,
  nearest,
  orderTools,
  toolSpec,
  ToolRegistry,
  type ToolEntry,
} from "../../../config/index.ts";

const allow = { commands: [], hosts: [], privateHosts: [] };

function tool(id: string, fields: object = {}): ToolEntry {
  const spec = toolSpec.parse({
    id,
    name: id,
    category: "foundation",
    capabilities: ["c"],
    ...fields,
  });
  return { spec, allow };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (thrown) {
    if (isTuttiError(thrown)) return thrown.code;
    throw thrown;
  }
  return "nothing";
}

describe("ToolRegistry", () => {
  test("its indexes equal a recomputation after any sequence of changes", () => {
    const ids = ["a", "b", "c", "d"];
    const change = fc.record({
      action: fc.constantFrom("register", "replace", "unregister"),
      id: fc.constantFrom(...ids),
      category: fc.constantFrom(...CATEGORIES),
      capabilities: fc.uniqueArray(fc.constantFrom("x", "y", "z"), { minLength: 1 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const registry = new ToolRegistry();
        for (const { action, id, ...fields } of changes) {
          if (action === "unregister") registry.unregister(id);
          else if (action === "replace" || !registry.has(id)) registry.replace(tool(id, fields));
          else codeOf(() => registry.register(tool(id, fields)));
        }
        const specs = registry.list().map(({ spec }) => spec);
        const having = (key: "x" | "y" | "z") =>
          specs.filter(({ capabilities }) => capabilities.includes(key)).map(({ id }) => id);
        for (const key of ["x", "y", "z"] as const)
          expect(registry.findByCapability(key).toSorted()).toEqual(having(key).toSorted());
        for (const category of CATEGORIES)
          expect(registry.findByCategory(category).toSorted()).toEqual(
            specs
              .filter((spec) => spec.category === category)
              .map(({ id }) => id)
              .toSorted(),
          );
        const used = new Set(specs.flatMap(({ capabilities }) => capabilities));
        expect(registry.capabilities()).toEqual([...used].toSorted());
        expect(registry.categories()).toEqual(
          [...new Set(specs.map((s) => s.category))].toSorted(),
        );
      }),
    );
  });

  test("an id can be registered once", () => {
    const registry = new ToolRegistry([tool("a")]);
    expect(codeOf(() => registry.register(tool("a")))).toBe("catalogue_invalid");
  });

  test("an unknown tool is refused with the nearest id", () => {
    const registry = new ToolRegistry([tool("km_list_macros"), tool("git.log")]);
    expect(() => registry.require("km_list_macro")).toThrow('did you mean "km_list_macros"?');
    expect(codeOf(() => registry.require("nothing.like.it"))).toBe("tool_not_found");
    expect(registry.synergies("nothing.like.it")).toEqual([]);
  });

  test("dangling references and cycles are problems", () => {
    const registry = new ToolRegistry([
      tool("a", { dependencies: ["b"], integrationPoints: ["km_analytics_engine"] }),
      tool("b", { dependencies: ["c"], alternatives: ["zz"] }),
      tool("c", { dependencies: ["b"] }),
    ]);
    expect(registry.problems().map(({ message }) => message)).toEqual([
      'a.integrationPoints names "km_analytics_engine", which is no tool',
      'b.alternatives names "zz", which is no tool',
      "tools depend on each other in a circle: b -> c -> b",
    ]);
    expect(() => registry.order()).toThrow("b -> c -> b");
  });
});

describe("orderTools", () => {
  test("every tool stands after its dependencies, in any graph without cycles", () => {
    const edges = fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 40 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const specs = Array.from({ length: 12 }, (_, n) => {
          const below = pairs
            .filter(([from, to]) => from === n && to < n)
            .map(([, to]) => `t${to}`);
          return tool(`t${n}`, { dependencies: below }).spec;
        }).toReversed();
        const result = orderTools(specs);
        if ("cycle" in result) throw new Error(`no cycle expected: ${result.cycle.join()}`);
        expect(result.order).toHaveLength(12);
        for (const { id, dependencies } of specs)
          for (const dependency of dependencies)
            expect(result.order.indexOf(dependency)).toBeLessThan(result.order.indexOf(id));
      }),
    );
  });

  test("a tool that depends on itself is a cycle", () => {
    expect(orderTools([tool("a", { dependencies: ["a"] }).spec])).toEqual({ cycle: ["a", "a"] });
  });
});

describe("compatibility and synergy of the shipped tools", () => {
  const registry = loadCatalogue();
  const score = (a: string, b: string) => registry.synergies(a).find(({ id }) => id === b)?.score;

  test.each([
    ["km_create_macro", "km_ai_processing", true],
    ["km_ai_processing", "km_enterprise_sync", false],
    ["km_list_macros", "km_create_macro", false],
  ])("%s beside %s: %s", (a, b, expected) => {
    expect(registry.areCompatible(a, b)).toBe(expected);
    expect(registry.areCompatible(b, a)).toBe(expected);
  });

  test("synergies are above 0.5, sorted, symmetric", () => {
    for (const id of registry.ids()) {
      const found = registry.synergies(id);
      expect(found.map((one) => one.score)).toEqual(
        found.map((one) => one.score).toSorted((a, b) => b - a),
      );
      for (const other of found) {
        expect(other.score).toBeGreaterThan(0.5);
        expect(other.score).toBeLessThanOrEqual(1);
        expect(score(other.id, id)).toBe(other.score);
      }
    }
  });
});

test("nearest finds a slip, and nothing where nothing is near", () => {
  expect(nearest("stats.descibe", ["stats.describe", "text.tally"])).toBe("stats.describe");
  expect(nearest("fecth", ["fetch", "b"])).toBe("fetch");
  expect(nearest("KM_list_macros", ["km_list_macros"])).toBe("km_list_macros");
  expect(nearest("abc", ["xyz"])).toBeUndefined();
});

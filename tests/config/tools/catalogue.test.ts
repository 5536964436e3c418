import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import {
  CATEGORIES,
  compileSchema,
  loadCatalogue,
  parseCatalogue,
  synergyScore,
  ValidationError,
} from "../../../config/index.ts";

const folder = mkdtempSync(join(tmpdir(), "tutti-catalogue-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function problemsOf(action: () => unknown): string[] {
  try {
    action();
    return [];
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map(
      ({ code, message, position }) =>
        `${position?.file.replace(`${folder}/`, "")}:${position?.line}:${position?.column} ${code} ${message}`,
    );
  }
}

const TOOL = "name: T, category: foundation, capabilities: [x]";

describe("the shipped catalogue", () => {
  const registry = loadCatalogue();
  const specs = registry.list().map(({ spec }) => spec);
  const score = (a: string, b: string) =>
    synergyScore(registry.require(a).spec, registry.require(b).spec);

  test("holds the 57 km_ tools and the built-in ones, in all categories, in an order", () => {
    expect(registry.ids().filter((id) => id.startsWith("km_"))).toHaveLength(57);
    expect(registry.categories()).toEqual([...CATEGORIES].toSorted());
    expect(registry.order()).toHaveLength(registry.size);
    expect(registry.problems()).toEqual([]);
  });

  test("rates are the throughput, and only resources say how many calls run at once", () => {
    for (const { id, limits } of specs)
      if (id.startsWith("km_"))
        expect(limits).toEqual({
          rate: { max: expect.any(Number) as number, durationMs: 60_000 },
        });
    expect(registry.require("km_list_macros").spec.limits.rate).toMatchObject({ max: 100 });
  });

  test("seeds' synergies", () => {
    // 0.1 for the categories, 0.2 for km_autonomous_agent, 0.3/7 for pattern_recognition.
    expect(score("km_ai_processing", "km_smart_suggestions")).toBeCloseTo(0.3 + 0.3 / 7, 8);
    expect(score("km_audit_system", "km_enterprise_sync")).toBe(0.3);
    expect(score("km_list_macros", "km_create_macro")).toBe(0.1);
  });

  test("every default is a value its own schema takes; unknown arguments are refused", () => {
    for (const { id, input } of specs.filter((spec) => spec.id.startsWith("km_"))) {
      const properties = input["properties"] as Record<string, { default?: unknown }>;
      for (const [name, property] of Object.entries(properties)) {
        if (property.default === undefined) continue;
        expect(compileSchema(property)(property.default), `${id}.${name}`).toHaveProperty("value");
      }
      expect(compileSchema(input)({ surely_not_a_parameter: 1 })).toHaveProperty("problems");
    }
  });

  test("fewer tools than wanted are an error; own catalogues may be small", () => {
    const own = write("own.yaml", `tutti: 1\ntools: [{ id: a, ${TOOL} }]`);
    expect(loadCatalogue({ files: [own], shipped: false }).ids()).toEqual(["a"]);
    const load = () => loadCatalogue({ files: [own], shipped: false, minTools: 46 });
    expect(load).toThrow("expected at least 46 tools, got: 1");
    expect(load).toThrow(expect.objectContaining({ code: "incomplete_tool_registry" }));
  });
});

describe("own catalogues", () => {
  test("later files take the place of tools; allowances stay with their file", () => {
    const first = write(
      "first.yaml",
      `tutti: 1
allow: { commands: [git] }
servers: { one: { transport: stdio, command: git } }
tools:
  - { id: a, ${TOOL}, binding: { type: command, command: git } }
  - { id: m, ${TOOL}, binding: { type: mcp, server: one } }
`,
    );
    const second = write("second.yaml", `tutti: 1\ntools: [{ id: a, ${TOOL}, version: "2" }]`);
    const registry = loadCatalogue({ files: [first, second], shipped: false });
    expect(registry.require("a").spec.version).toBe("2");
    expect(registry.require("a").allow.commands).toEqual([]);
    expect(registry.require("m").allow.commands).toEqual(["git"]);
    expect(registry.require("m").server).toMatchObject({ transport: "stdio", command: "git" });
  });

  test("all problems of all files at once, each with its place", () => {
    const bad = write(
      "bad.yaml",
      `tutti: 1
tools:
  - id: "no spaces"
    name: ""
    category: nonsense
    capabilities: []
    colour: red
`,
    );
    const broken = write("broken.yaml", "tutti: [1");
    const problems = problemsOf(() =>
      loadCatalogue({ files: [bad, broken, join(folder, "missing.yaml")], shipped: false }),
    );
    const places = problems.map((problem) => problem.split(" ", 2).join(" "));
    expect(places).toEqual([
      "bad.yaml:3:9 catalogue_invalid",
      "bad.yaml:4:11 catalogue_invalid",
      "bad.yaml:5:15 catalogue_invalid",
      "bad.yaml:6:19 catalogue_invalid",
      "bad.yaml:7:5 catalogue_invalid",
      "broken.yaml:1:10 catalogue_invalid",
      "missing.yaml:1:1 catalogue_invalid",
    ]);
    expect(problems[4]).toContain('unknown key "colour"');
  });

  test("binaries, hosts, servers, expressions and schemas are checked at load", () => {
    const text = `tutti: 1
allow: { commands: [git], hosts: ["*.example.com"], privateHosts: ["127.0.0.1:99"] }
servers:
  bad-command: { transport: stdio, command: rm }
  bad-host: { transport: http, url: "https://evil.test/" }
tools:
  - { id: a, ${TOOL}, binding: { type: command, command: curl } }
  - { id: b, ${TOOL}, binding: { type: command, command: "\${{ args.x }}" } }
  - { id: c, ${TOOL}, binding: { type: http, url: "https://evil.com/\${{ args.x }}" } }
  - { id: d, ${TOOL}, binding: { type: http, url: "https://\${{ args.x }}.evil.com/" } }
  - { id: e, ${TOOL}, binding: { type: http, url: "https://api.example.com/\${{ args.x }}" } }
  - { id: f, ${TOOL}, binding: { type: http, url: "ftp://api.example.com/" } }
  - { id: g, ${TOOL}, binding: { type: mcp, server: none } }
  - { id: h, ${TOOL}, binding: { type: command, command: git, args: ["\${{ args. }}"] } }
  - { id: i, ${TOOL}, input: { type: nonsense } }
  - { id: i, ${TOOL} }
  - { id: j, ${TOOL}, binding: { type: http, url: "http://127.0.0.1:99/" } }
  - { id: k, ${TOOL}, binding: { type: http, url: "http://127.0.0.1:98/" } }
`;
    const problems = problemsOf(() => parseCatalogue(text, "c.yaml"));
    expect(problems.map((problem) => problem.split(" ")[0]?.split(":")[1])).toEqual([
      "4",
      "5",
      "7",
      "9",
      "12",
      "13",
      "14",
      "15",
      "16",
      "18",
    ]);
    expect(problems[0]).toBe(
      "c.yaml:4:45 catalogue_invalid the command rm is not in allow.commands",
    );
    expect(problems[3]).toContain("the host evil.com is not in allow.hosts");
  });

  test("a reference to no tool is reported with place and correction", () => {
    const path = write(
      "dangling.yaml",
      `tutti: 1\ntools: [{ id: abcdef, ${TOOL}, alternatives: [abcdeg] }]`,
    );
    const load = () => loadCatalogue({ files: [path], shipped: false });
    expect(problemsOf(load)).toEqual([
      'dangling.yaml:2:88 catalogue_invalid abcdef.alternatives names "abcdeg", which is no tool',
    ]);
  });
});

describe("fields that are no more", () => {
  const OLD = `tutti: 1
tools:
  - { id: a, ${TOOL}, tier: core46, enterpriseReady: true }
  - id: b
    name: B
    category: foundation
    capabilities: [x]
    aiEnhanced: false
    performance: { responseTimeMs: 5, throughputPerMinute: 9 }
`;

  test("are read past, and told of once, with the place of the first", () => {
    const told: string[] = [];
    const path = write("old.yaml", OLD);
    const load = () =>
      loadCatalogue({ files: [path], shipped: false, tell: (notice) => told.push(notice) });
    expect(load().ids()).toEqual(["a", "b"]);
    load();
    expect(told).toEqual([
      `${path}:3:70: nothing goes by tier, enterpriseReady, aiEnhanced, performance.throughputPerMinute of a tool, here and in 3 more places: take them out`,
    ]);
    const [, b] = load().list();
    expect(b!.spec.performance).toEqual({ responseTimeMs: 5, reliability: 1 });
    for (const field of ["tier", "enterpriseReady", "aiEnhanced"])
      expect(b!.spec).not.toHaveProperty(field);
  });

  test("other problems keep their places beside them", () => {
    const parse = () => parseCatalogue(OLD.replace("name: B", "nam: B"), "both.yaml");
    expect(problemsOf(parse).map((problem) => problem.split(" ")[0])).toEqual([
      "both.yaml:4:5",
      "both.yaml:5:5",
    ]);
  });

  test("that are in no list are unknown keys, as ever", () => {
    expect(problemsOf(() => parseCatalogue(OLD.replace("tier", "teir"), "typo.yaml"))[0]).toContain(
      'unknown key "teir"',
    );
  });

  test("no shipped or example catalogue has any", () => {
    const told: string[] = [];
    loadCatalogue({
      files: ["examples/tools.yaml", "examples/shop.yaml", "examples/templates/tools.yaml"],
      tell: (notice) => told.push(notice),
    });
    expect(told).toEqual([]);
  });
});

test("no tool has the name of a queue of ours", () => {
  const text = `tutti: 1
tools:
  - { id: tutti.run, name: Run, category: foundation, capabilities: [x] }
  - { id: tuttifrutti, name: Fruit, category: foundation, capabilities: [x] }
`;
  expect(() => parseCatalogue(text, "c.yaml")).toThrow("does not begin with tutti.");
  expect(parseCatalogue(text.replace("tutti.run", "other.run"), "c.yaml")).toHaveLength(2);
});

import { readdirSync } from "node:fs";
import { dirname } from "node:path";

import { describe, expect, test } from "vitest";

import {
  arrowsOf,
  besideDoors,
  circles,
  DOORS,
  FLOORS,
  gateLeaks,
  intoSealed,
  ROOMS,
  sources,
  upward,
} from "./house.ts";

const FILES = sources();
const ARROWS = arrowsOf(FILES);

/** Beside the rooms of a floor each file is a room of its own. */
const folderOf = (path: string): string => (path.split("/").length === 2 ? path : dirname(path));

describe("the house", () => {
  test.each(FLOORS)("%s/ has the rooms that are listed, in an order, and no others", (floor) => {
    expect(readdirSync(floor).toSorted()).toEqual(
      [...(ROOMS[floor] ?? []), ...(floor === "config" ? ["catalogue"] : [])].toSorted(),
    );
  });

  test("a floor, and a room of a floor, imports only what stands below it", () => {
    expect(ARROWS.length).toBeGreaterThan(1_000);
    expect(upward(ARROWS)).toEqual([]);
  });

  test("another floor is entered by its doors", () => {
    expect(besideDoors(ARROWS)).toEqual([]);
  });

  test("a room that is a product of its own is entered by its own door", () => {
    expect(intoSealed(ARROWS)).toEqual([]);
  });

  test("doors only hand names on", () => {
    const doors = Object.values(DOORS)
      .flat()
      .filter((door) => door !== "queues/embedded-redis/index.ts");
    for (const door of doors)
      expect(
        FILES.get(door)
          ?.replaceAll(/^(?:export|import)[^;]*;$|^\/\*\*.*\*\/$/gm, "")
          .trim(),
      ).toBe("");
  });

  test("what stands in Redis for the gate is known to its room alone", () => {
    expect(gateLeaks(new Map([...FILES, ...sources(["bench", "tests/support"])]))).toEqual([]);
  });

  test("no files and no folders import each other in a circle", () => {
    const inside = ARROWS.filter(({ from }) => from.split("/")[1] !== "index.ts");
    expect(circles(inside, (path) => path)).toEqual([]);
    expect(circles(inside, folderOf)).toEqual([]);
  });
});

describe("the rules see", () => {
  const judge = (from: string, text: string) => arrowsOf(new Map([[from, text]]));

  test.each([
    ["config/tools/limits.ts", 'import { Keys } from "../../queues/index.ts";'],
    ["queues/runs/flows.ts", 'import { fireNow } from "../starting/schedules/fire.ts";'],
    ["queues/runs/flows.ts", 'import type { Fire } from "../starting/schedules/fire.ts";'],
    ["queues/runs/flows.ts", 'export { fireNow } from "../starting/schedules/fire.ts";'],
    ["src/runs/view/watch.ts", 'const tutti = await import("../../tutti.ts");'],
    ["src/workflow/plan/plan.ts", 'import { x } from "../../strange/room.ts";'],
    ["src/strange/room.ts", 'import { x } from "../workflow/plan/plan.ts";'],
    ["src/tutti.ts", 'import { x } from "../tests/support/runner/redis.ts";'],
  ])("an import upwards: %s: %s", (from, text) => {
    expect(upward(judge(from, text))).toHaveLength(1);
  });

  test.each([
    ["src/strange.ts", 'import { ratesOf } from "../config/tools/limits.ts";'],
    ["src/strange.ts", 'import { Gate } from "../queues/gate/gate.ts";'],
    ["src/strange.ts", 'import { STEP_TIMEOUT_MS } from "../config/defaults.ts";'],
    ["src/strange.ts", 'import { feedNext } from "../queues/worker.ts";'],
    [
      "src/gate/why/why.ts",
      'import { stepProcessor } from "../../../processors/steps/kinds/step.ts";',
    ],
    ["processors/steps/engine.ts", 'import { startRun } from "../../queues/client.ts";'],
    [
      "processors/steps/engine.ts",
      'import { openRedis } from "../../queues/embedded-redis/index.ts";',
    ],
  ])("an import beside the door: %s: %s", (from, text) => {
    expect(besideDoors(judge(from, text))).toHaveLength(1);
  });

  test("an import into a sealed room", () => {
    const into = 'import { draft } from "../forms/draft.ts";';
    expect(intoSealed(judge("src/workflow/plan/plan.ts", into))).toHaveLength(1);
    expect(intoSealed(judge("src/workflow/forms/phases.ts", into))).toEqual([]);
  });

  test.each([
    "const names = await redis.smembers(`${this.#keys.gate}.machines`);",
    "const limits = redis.hgetall(`${prefix}.gate.tools`);",
    "const { learned, gate: prefix } = this.#keys;",
    "const layers = redis.hgetall(keys.gate + name);",
    "local limits = redis.call('HGET', prefix .. '.gate.tools', tool)",
    "const own = `tool:${name}`;",
    'const isOwn = budget.startsWith("tool:");',
    'const text = layers["declared:ask"];',
    "const mark = `set:${OWN}`;",
    'const isBreaker = field.startsWith("b:");',
    "const trouble = troubles[`u:${upstream}`];",
  ])("a field or a key of the gate: %s", (line) => {
    expect(gateLeaks(new Map([["src/gate/limits/show.ts", line]])).length).toBeGreaterThan(0);
    expect(gateLeaks(new Map([["queues/gate/stored/snapshot.ts", line]]))).toEqual([]);
  });

  test("no leak in what only sounds like one", () => {
    const lines = [
      "const view = await tutti.gate.show();",
      "const message = `tool: ${name}`;",
      'const own = ownBudget("ask");',
      "// `tool:<id>` is its private budget",
    ];
    expect(gateLeaks(new Map([["src/gate/limits/show.ts", lines.join("\n")]]))).toEqual([]);
  });

  test("a circle", () => {
    const arrows = [
      ...judge("src/runs/a.ts", 'import { b } from "../gate/b.ts";'),
      ...judge("src/gate/b.ts", 'import { c } from "./why/c.ts";'),
      ...judge("src/gate/why/c.ts", 'import { a } from "../../runs/a.ts";'),
      ...judge("src/cli/d.ts", 'import { a } from "../runs/a.ts";'),
    ];
    expect(circles(arrows, (path) => path)).toEqual([
      "src/gate/b.ts, src/gate/why/c.ts, src/runs/a.ts",
    ]);
    expect(circles(arrows, dirname)).toEqual(["src/gate, src/gate/why, src/runs"]);
  });
});

test("every script of Redis is declared once, under a name of its own", () => {
  const declared = [...FILES].flatMap(([path, text]) =>
    [...text.matchAll(/"(tutti[A-Z]\w*)"/g)].map(([, name = ""]) => ({ path, name })),
  );
  const names = declared.map(({ name }) => name);
  const scripts = [...FILES]
    .filter(([path]) => path.endsWith("scripts/generated.ts"))
    .flatMap(([, text]) => text.match(/^export const/gm) ?? []);
  expect(names).toHaveLength(scripts.length);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(declared.filter(({ path }) => !path.startsWith("queues/"))).toEqual([]);
});

test("scripts are defined in one place", () => {
  const places = [...FILES]
    .filter(([, text]) => /\.defineCommand\(/.test(text))
    .map(([path]) => path);
  expect(places).toEqual(["queues/connection/define-scripts.ts"]);
});

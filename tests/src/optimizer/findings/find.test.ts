import { describe, expect, test } from "vitest";

import type { Sample } from "../../../../queues/client.ts";
import { digestOf } from "../../../../src/optimizer/findings/digest.ts";
import { findBottlenecks, NOTHING_FOUND } from "../../../../src/optimizer/findings/find.ts";
import type { Finding } from "../../../../src/optimizer/findings/finding.ts";
import type { Shapes } from "../../../../src/optimizer/findings/shape.ts";
import { sampleOf, toolOf, windowFrom } from "../../../support/learning/samples.ts";

type Tool = Parameters<typeof toolOf>[0];

const calls = (ms: number, count = 10): number[] => Array.from({ length: count }, () => ms);
const SHAPES: Shapes = {
  chain: {
    visits: { ask: 1, tell: 2, maybe: null },
    before: { ask: [], tell: ["ask"], maybe: ["ask"] },
    steps: [
      ["ask", []],
      ["tell", [0]],
      ["tell", [0]],
      ["maybe", [0]],
    ],
    target: "balanced",
  },
};
const QUIET: Tool = { arrivals: 10, ok: 10, serviceMs: calls(100), waitMs: calls(5) };
const on = (ended: number, active: number, oldestMs: number) => ({ ended, active, oldestMs });

/** Lets so many windows of five seconds pass, each sample alike; what is found at the end of each. */
class Story {
  #state = NOTHING_FOUND;
  #atMs = 0;
  found: readonly Finding[] = [];

  pass(windows: number, tools: Readonly<Record<string, Tool>>, more: Partial<Sample> = {}) {
    let found: readonly Finding[] = [];
    for (let n = 0; n < windows; n++) {
      const samples = Array.from({ length: 5 }, () =>
        sampleOf({
          atMs: (this.#atMs += 1_000),
          tools: Object.fromEntries(
            Object.entries(tools).map(([name, tool]) => [name, toolOf(tool)]),
          ),
          ...more,
        }),
      );
      const { state, findings } = findBottlenecks(
        this.#state,
        digestOf(windowFrom(samples)),
        SHAPES,
      );
      // It is kept as JSON from one pass to the next.
      this.#state = JSON.parse(JSON.stringify(state)) as typeof state;
      found = findings;
      this.found = findings;
    }
    return found.map(({ tool, kind, culprit }) => [tool, kind, culprit]);
  }
}

/** Twelve quiet windows, then so many of something else. */
function after(tool: Tool, windows = 8, more: Partial<Sample> = {}) {
  const story = new Story();
  expect(story.pass(12, { ask: QUIET })).toEqual([]);
  return story.pass(windows, { ask: tool }, more);
}

const WAITING: Tool = { ...QUIET, waiting: 60, waitMs: calls(5_000) };

describe("what keeps a tool", () => {
  test("nothing: calls that flow are no finding, and neither is a short queue", () => {
    expect(after({ ...QUIET, waiting: 1, blockedMs: { "slots:tool:ask": 900 } })).toEqual([]);
  });

  test.each([
    [
      "its own slots",
      { "slots:tool:ask": 900, "resource:cpu": 50 },
      "under_provisioned",
      "tool:ask",
    ],
    ["slots of its lanes", { "slots:lane:ask": 900 }, "under_provisioned", "lane:ask"],
    [
      "a full machine",
      { "resource:cpu": 600, "drain:cpu": 100, "slots:tool:ask": 300 },
      "resource_bound",
      "cpu",
    ],
    ["a shared budget", { "slots:gpu": 900 }, "resource_bound", "gpu"],
    ["others before it", { "behind:gpu": 900 }, "resource_bound", "gpu"],
    ["a rate", { "rate:api": 900 }, "rate_limited", "api"],
    ["a pause of its service", { "cool_down:up": 900 }, "rate_limited", "up"],
    ["what its service carries", { knee: 900 }, "downstream_saturated", undefined],
    ["its breaker", { breaker: 900 }, "failing", undefined],
  ] as const)("%s", (_, blockedMs, kind, culprit) => {
    expect(after({ ...WAITING, blockedMs })).toEqual([["ask", kind, culprit]]);
  });

  test("a machine that others use much of, before it was learned and after", () => {
    const full: Tool = { ...WAITING, blockedMs: { "resource:cpu": 900 } };
    const one = { usage: { cpu: 1 }, pressure: {}, believed: { cpu: 0.6 }, background: {} };
    const two = { usage: { cpu: 0.9 }, pressure: {}, believed: { cpu: 0.9 }, background: {} };
    const finding = (machines: Sample["machines"]): Finding | undefined => {
      const story = new Story();
      story.pass(12, { ask: QUIET });
      story.pass(8, { ask: full }, { machines });
      return story.found[0];
    };
    expect(finding({ m: two, n: one })).toMatchObject({ culprit: "cpu", machine: "n" });
    const learned = { ...two, believed: { cpu: 0.4 }, background: { cpu: 0.5 } };
    expect(finding({ m: learned, n: two })).toMatchObject({ culprit: "cpu", machine: "m" });
    expect(finding({ m: two, n: two })).not.toHaveProperty("machine");
  });

  test("workers that have their hands full, when nothing refuses it", () => {
    expect(after(WAITING)).toEqual([["ask", "under_provisioned", "workers"]]);
  });

  test("no worker", () => {
    expect(after({ waiting: 3, servedBy: 0 })).toEqual([["ask", "unserved", undefined]]);
  });

  test("what its service carries, only when what waits is more than a window's work", () => {
    const felt = { ...QUIET, waiting: 5, blockedMs: { knee: 900 } };
    expect(after({ ...felt, waitMs: calls(3_500) })).toEqual([]);
    // Ten calls end in a second.
    expect(after({ ...felt, waiting: 49 })).toEqual([]);
    expect(after({ ...felt, waiting: 60 })).toEqual([["ask", "downstream_saturated", undefined]]);
  });

  test("the level of the deployment is no bottleneck", () => {
    expect(after({ ...WAITING, blockedMs: { degraded: 1_000 } })).toEqual([]);
  });

  test("calls that fail, when chance does not explain it", () => {
    expect(after({ ...QUIET, ok: 6, failed: 4 })).toEqual([["ask", "failing", undefined]]);
    expect(after({ ...QUIET, ok: 30, failed: 2 })).toEqual([]);
  });

  test("a service that has become slow, unless the machines have", () => {
    const slow = { ...QUIET, serviceMs: calls(200) };
    expect(after(slow)).toEqual([["ask", "downstream_saturated", undefined]]);
    const pressed = { usage: {}, pressure: { cpu: 0.4 }, believed: {}, background: {} };
    expect(after(slow, 8, { machines: { m: pressed } })).toEqual([]);
  });

  test("a machine on which calls do not come back", () => {
    const places = { m: on(5, 1, 200), n: on(5, 1, 100), o: on(0, 3, 60_000) };
    expect(after({ ...QUIET, places })).toEqual([["ask", "stuck_worker", "o"]]);
  });

  test("calls that do not come back on most machines are the service's doing", () => {
    const places = { m: on(0, 1, 60_000), n: on(0, 1, 60_000), o: on(5, 1, 100) };
    expect(after({ ...QUIET, places })).toEqual([["ask", "downstream_saturated", undefined]]);
  });
});

describe("a tool that starves", () => {
  const admitted = { chain: 10 };
  const tell: Tool = { arrivals: 20, ok: 20 };
  const slow = { ...WAITING, blockedMs: { "rate:api": 900 } };

  test("is told with the bottleneck before it", () => {
    const story = new Story();
    expect(story.pass(12, { ask: QUIET, tell }, { admitted })).toEqual([]);
    const found = story.pass(12, { ask: slow, tell: { arrivals: 8, ok: 8 } }, { admitted });
    expect(found).toEqual([
      ["ask", "rate_limited", "api"],
      ["tell", "dependency_bound", "ask"],
    ]);
  });

  test.each([
    ["as much comes as was asked for", slow, tell, admitted],
    ["nothing before it is wrong", QUIET, { arrivals: 8, ok: 8 }, admitted],
    ["so little was asked for", slow, { arrivals: 1, ok: 1 }, { chain: 1 / 12 }],
    ["its workflow is not known", slow, { arrivals: 8, ok: 8 }, { other: 10 }],
  ] as const)("is not told when %s", (_, ask, one, runs) => {
    const story = new Story();
    story.pass(12, { ask: QUIET, tell }, { admitted: runs });
    const found = story.pass(12, { ask, tell: one }, { admitted: runs });
    expect(found.filter(([tool]) => tool === "tell")).toEqual([]);
  });

  test("is not told where nobody knows how often it is called", () => {
    const story = new Story();
    const found = story.pass(24, { ask: slow, maybe: { arrivals: 1, ok: 1 } }, { admitted });
    expect(found.map(([tool]) => tool)).toEqual(["ask"]);
  });
});

describe("a finding", () => {
  const slots = { ...WAITING, blockedMs: { "slots:tool:ask": 900 } };

  test("is made after two windows that say so, and taken back after two that do not", () => {
    const story = new Story();
    story.pass(12, { ask: QUIET });
    // Half of the windows that are looked at together have to be busy.
    const found = Array.from({ length: 6 }, () => story.pass(1, { ask: slots }).length);
    expect(found).toEqual([0, 0, 0, 0, 1, 1]);
    const gone = Array.from({ length: 6 }, () => story.pass(1, { ask: QUIET }).length);
    expect(gone).toEqual([1, 0, 0, 0, 0, 0]);
  });

  test("of the tool that keeps most work waiting comes first", () => {
    const story = new Story();
    story.pass(12, { ask: QUIET, tell: QUIET });
    const found = story.pass(8, {
      ask: { ...slots, waiting: 20 },
      tell: { ...slots, waiting: 400, blockedMs: { "rate:tell": 900 } },
    });
    expect(found.map(([tool]) => tool)).toEqual(["tell", "ask"]);
  });

  test("comes first when it stands on the longest way, whatever waits elsewhere", () => {
    const story = new Story();
    const tell: Tool = { arrivals: 20, ok: 20 };
    story.pass(12, { ask: QUIET, tell, aside: QUIET }, { admitted: { chain: 10 } });
    const found = story.pass(
      8,
      { ask: { ...slots, waiting: 20 }, tell, aside: { ...slots, waiting: 400 } },
      { admitted: { chain: 10 } },
    );
    expect(found.map(([tool]) => tool)).toEqual(["ask", "aside"]);
  });

  test("is forgotten with its tool", () => {
    const story = new Story();
    story.pass(4, { ask: { waiting: 3, servedBy: 0 } });
    expect(story.pass(8, {})).toEqual([]);
  });

  test("overload does not become usual", () => {
    const story = new Story();
    story.pass(12, { ask: QUIET });
    const slow = { ask: { ...QUIET, serviceMs: calls(200) } };
    expect(story.pass(60, slow)).toEqual([["ask", "downstream_saturated", undefined]]);
  });
});

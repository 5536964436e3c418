import { array, assert, nat, property, tuple } from "fast-check";
import { expect, test } from "vitest";

import type { Digest } from "../../../../src/optimizer/findings/digest.ts";
import { reliefOf, type ToolTimes } from "../../../../src/optimizer/findings/relief.ts";
import type { Shape } from "../../../../src/optimizer/findings/shape.ts";

const shape = (...steps: Shape["steps"]): Shape => ({
  visits: Object.fromEntries(steps.map(([tool]) => [tool, 1])),
  before: {},
  steps,
  target: "balanced",
});
const admitted = (runs: Digest["admitted"]): Digest[] => [
  { atMs: 0, ms: 5_000, tools: {}, machines: {}, admitted: runs },
];
const times = (all: Record<string, [now: number, free: number]>): Map<string, ToolTimes> =>
  new Map(Object.entries(all).map(([tool, [nowMs, freeMs]]) => [tool, { nowMs, freeMs }]));

const DIAMOND = shape(["first", []], ["short", [0]], ["long", [0]], ["last", [1, 2]]);

test("what waits beside the longest way shortens nothing", () => {
  const now = times({
    first: [10, 10],
    short: [500, 5],
    long: [2_000, 100],
    last: [10, 10],
  });
  const relief = reliefOf(["short", "long"], now, admitted({ diamond: 3 }), { diamond: DIAMOND });
  // Without its waiting the other way is the longest: 2,020 - 520.
  expect(Object.fromEntries(relief)).toEqual({ short: 0, long: 1_500 });
});

test("workflows count by how often they come, and those that nobody knows not at all", () => {
  const now = times({ ask: [1_100, 100], tell: [100, 100] });
  const shapes = { one: shape(["ask", []]), other: shape(["tell", []]) };
  const windows = admitted({ one: 1, other: 3, gone: 50 });
  const relief = reliefOf(["ask", "elsewhere"], now, windows, shapes);
  expect(Object.fromEntries(relief)).toEqual({ ask: 250 });
});

test("no relief is below zero, or above what the tool takes more than usual on all its steps", () => {
  const dag = array(tuple(nat(3), array(nat(20), { maxLength: 3 })), {
    minLength: 1,
    maxLength: 12,
  }).map((steps) =>
    shape(
      ...steps.map(
        ([tool, needs], index) =>
          [`t${tool}`, index === 0 ? [] : needs.map((need) => need % index)] as const,
      ),
    ),
  );
  const time = tuple(nat(1_000), nat(1_000)).map(([free, more]) => [free + more, free]);
  assert(
    property(dag, array(time, { minLength: 4, maxLength: 4 }), (one, all) => {
      const now = times(
        Object.fromEntries(all.map((pair, index) => [`t${index}`, pair as [number, number]])),
      );
      const tools = Object.keys(one.visits);
      for (const [tool, reliefMs] of reliefOf(tools, now, admitted({ one: 2 }), { one })) {
        const { nowMs, freeMs } = now.get(tool)!;
        const steps = one.steps.filter(([name]) => name === tool).length;
        expect(reliefMs).toBeGreaterThanOrEqual(0);
        expect(reliefMs).toBeLessThanOrEqual(steps * (nowMs - freeMs));
      }
    }),
  );
});

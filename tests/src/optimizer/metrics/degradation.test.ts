import * as fc from "fast-check";
import { expect, test } from "vitest";

import { degradationOf, type Bases } from "../../../../src/optimizer/metrics/degradation.ts";

const WINDOW_MS = 5_000;

/** Windows in which tools have so many calls of so long, behind those that have passed already. */
function pass(
  bases: Bases,
  windows: number,
  tools: Readonly<Record<string, readonly [calls: number, meanMs: number | null]>>,
  everyMs = WINDOW_MS,
): { bases: Bases; ratio: number | null } {
  let last: { bases: Bases; ratio: number | null } = { bases, ratio: null };
  let atMs = Math.max(0, ...Object.values(bases).map(([, , lastMs]) => lastMs));
  const seen = Object.fromEntries(
    Object.entries(tools).map(([tool, [calls, meanMs]]) => [tool, { calls, meanMs }]),
  );
  for (let n = 0; n < windows; n++) {
    atMs += everyMs;
    last = degradationOf(last.bases, seen, { ms: WINDOW_MS, atMs });
  }
  return last;
}

test("nothing is said before about ten minutes are known, and of no calls", () => {
  expect(pass({}, 120, { ask: [10, 200] }).ratio).toBeNull();
  const { bases, ratio } = pass({}, 140, { ask: [10, 200] });
  expect(ratio).toBe(1);
  for (const tools of [{}, { ask: [0, null] as const }, { other: [5, 100] as const }])
    expect(pass(bases, 1, tools).ratio).toBeNull();
});

test("a tool that is called seldom is not known, and one that was not called for an hour is forgotten", () => {
  expect(pass({}, 500, { ask: [10, 200] }, 300_000).ratio).toBeNull();
  const { bases } = pass({}, 720, { ask: [10, 200] });
  expect(pass(bases, 1, { ask: [10, 400] }, 3_700_000).ratio).toBeNull();
  expect(pass(bases, 1, {}, 3_700_000).bases).toEqual({});
});

test("calls that take longer show, also where a slow tool is called more often; after some hours they are usual", () => {
  const { bases } = pass({}, 720, { quick: [90, 100], slow: [10, 5_000] });
  expect(pass(bases, 1, { quick: [10, 100], slow: [90, 5_000] }).ratio).toBeCloseTo(1);
  expect(pass(bases, 2, { quick: [90, 200], slow: [10, 10_000] }).ratio).toBeCloseTo(2, 1);
  expect(pass(bases, 720, { quick: [90, 200] }).ratio).toBeLessThan(1.5);
  expect(pass(bases, 5_000, { quick: [90, 200] }).ratio).toBeCloseTo(1, 1);
});

test("what is usual lies between the times that were seen", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1 }), (times) => {
      let bases: Bases = {};
      for (const ms of times) ({ bases } = pass(bases, 1, { ask: [1, ms] }));
      const [meanMs, ofMs] = bases["ask"]!;
      expect(meanMs).toBeGreaterThanOrEqual(Math.min(...times) - 1e-6);
      expect(meanMs).toBeLessThanOrEqual(Math.max(...times) + 1e-6);
      expect(ofMs).toBeLessThanOrEqual(times.length * WINDOW_MS);
    }),
  );
});

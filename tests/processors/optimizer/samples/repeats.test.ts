import { expect, test } from "vitest";

import { Repeats } from "../../../../processors/optimizer/samples/repeats.ts";

test("the same call of the same tenant within ten minutes is a repetition", () => {
  let nowMs = 0;
  const repeats = new Repeats(() => nowMs);
  const ask = (tool: string, tenant: string, input: object): boolean | null =>
    repeats.isRepeat(tool, tenant, input as never);
  expect(ask("ask", "a", { q: 1 })).toBe(false);
  expect([ask("ask", "a", { a: 1, b: 2 }), ask("ask", "a", { b: 2, a: 1 })]).toEqual([false, true]);
  expect(ask("ask", "a", { q: 1 })).toBe(true);
  expect([
    ask("ask", "a", { q: 2 }),
    ask("ask", "b", { q: 1 }),
    ask("tell", "a", { q: 1 }),
  ]).toEqual([false, false, false]);
  nowMs = 600_000;
  expect(ask("ask", "a", { q: 1 })).toBe(true);
  nowMs = 1_200_001;
  expect(ask("ask", "a", { q: 1 })).toBe(false);
});

test("long inputs are not looked at, and no more are remembered than there is room for", () => {
  const repeats = new Repeats();
  expect(repeats.isRepeat("ask", "a", { q: "x".repeat(5_000) })).toBeNull();
  for (let q = 0; q < 10_001; q++) repeats.isRepeat("ask", "a", { q });
  expect(repeats.isRepeat("ask", "a", { q: 1 })).toBe(true);
  expect(repeats.isRepeat("ask", "a", { q: 0 })).toBe(false);
});

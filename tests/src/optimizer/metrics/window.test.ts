import { expect, test } from "vitest";

import { windowOf } from "../../../../src/optimizer/metrics/window.ts";
import { sampleOf, toolOf, windowFrom } from "../../../support/learning/samples.ts";

test("of no samples there is no window", () => {
  expect(windowOf([])).toBeNull();
});

test("counts add up, queues are as they are at its end, calls underway are a mean", () => {
  const window = windowFrom([
    sampleOf({ tools: { a: toolOf({ waiting: 7, active: 2, arrivals: 4, ok: 1 }) } }),
    sampleOf({
      atMs: 2_000,
      tools: { a: toolOf({ waiting: 3, active: 4, arrivals: 1, ok: 5, failed: 2 }) },
    }),
    sampleOf({ atMs: 3_000 }),
  ]);
  expect(window).toMatchObject({ atMs: 3_000, ms: 3_000, samples: 3 });
  const a = window.tools.get("a")!;
  expect(a).toMatchObject({ waiting: 0, active: 2, arrivals: 5, ok: 6, failed: 2 });
  expect(a.busy).toBeCloseTo(2 / 3);
});

test("time that was blocked is a share of the time of the machines that serve the tool", () => {
  const blocked = (ms: number) =>
    sampleOf({ tools: { a: toolOf({ servedBy: 2, blockedMs: { knee: ms } }) } });
  const { tools } = windowFrom([blocked(2_000), blocked(1_000)]);
  expect(tools.get("a")!.blocked).toEqual({ knee: 0.75 });
});

test("what ended on a machine adds up, what is underway is the last word", () => {
  const on = (ended: number, active: number, oldestMs: number) =>
    sampleOf({ tools: { a: toolOf({ places: { m: { ended, active, oldestMs } } }) } });
  const { tools } = windowFrom([on(3, 2, 100), on(4, 1, 900)]);
  expect(tools.get("a")!.places).toEqual({ m: { ended: 7, active: 1, oldestMs: 900 } });
});

test("a machine is the mean of what is known of it", () => {
  const of = (cpu: number | null) =>
    sampleOf({
      machines: {
        m: { usage: { cpu }, pressure: { cpu: null }, believed: { cpu: 0.5 }, background: {} },
      },
    });
  const { machines } = windowFrom([of(0.2), of(null), of(0.4)]);
  expect(machines.get("m")!.usage["cpu"]).toBeCloseTo(0.3);
  expect(machines.get("m")!.pressure["cpu"]).toBeNull();
  expect(machines.get("m")!.believed).toEqual({ cpu: 0.5 });
});

import { describe, expect, test } from "vitest";

import { judge, type Measured } from "../../../../src/optimizer/tuning/judge.ts";

const WINDOW: Measured = {
  ms: 5_000,
  ended: 100,
  failed: 0,
  calls: 100,
  sumMs: 10_000,
  others: 200,
  busyMs: 5_000,
};
const BEFORE: Measured = {
  ms: 30_000,
  ended: 600,
  failed: 0,
  calls: 600,
  sumMs: 60_000,
  others: 1_200,
  busyMs: 30_000,
};
const RAISE = { from: 2, to: 3 };
const after = (more: Partial<Measured>, windows = 4) =>
  judge(
    BEFORE,
    Array.from({ length: windows }, () => ({ ...WINDOW, ...more })),
    RAISE,
  );

describe("a change", () => {
  test("is not judged before three windows, after one that does not count", () => {
    for (const windows of [0, 1, 2, 3]) expect(after({ ended: 150 }, windows)).toBeNull();
    expect(after({ ended: 150 })).toMatchObject({ verdict: "kept", effect: { windows: 3 } });
  });

  test("is kept when more calls end, by more than chance explains and by 5 % at least", () => {
    expect(after({ ended: 130 })).toMatchObject({
      verdict: "kept",
      effect: { beforePerS: 20, afterPerS: 26, gain: 1.3 },
    });
    for (const ended of [100, 104, 106])
      expect(after({ ended })).toMatchObject({
        verdict: "reverted",
        reason: "no gain was proven",
      });
  });

  test("is not kept for what faster calls explain: the machine was busier before", () => {
    const reason = "more calls end because each became faster";
    for (const faster of [0.5, 0.7, 0.9]) {
      const ended = Math.round(100 / faster);
      expect(after({ ended, calls: ended, sumMs: ended * 100 * faster })).toMatchObject({
        verdict: "reverted",
        reason,
      });
    }
    // Twice as many although each takes nine tenths: most of it is the change's.
    expect(after({ ended: 200, calls: 200, sumMs: 200 * 90 })).toMatchObject({ verdict: "kept" });
    // Slower calls are what more at once may cost.
    expect(after({ ended: 130, calls: 130, sumMs: 130 * 140 })).toMatchObject({ verdict: "kept" });
  });

  test("of a tool that hardly ever ends a call has more to prove", () => {
    const few = { ...BEFORE, ended: 6, calls: 6, sumMs: 600 };
    const double = Array.from({ length: 4 }, () => ({ ...WINDOW, ended: 1, calls: 1 }));
    expect(judge(few, double, RAISE)).toMatchObject({ verdict: "reverted", effect: { gain: 1 } });
    const none = { ...BEFORE, ended: 0, calls: 0, sumMs: 0 };
    expect(judge(none, double, RAISE)).toMatchObject({ verdict: "kept", effect: { gain: 1_000 } });
  });

  test("waits for calls that began before it: twice their mean time", () => {
    const long = { ...BEFORE, sumMs: 600 * 7_000 };
    const ofThem = { ended: 150, calls: 150, sumMs: 150 * 7_000 };
    const more = Array.from({ length: 6 }, () => ({ ...WINDOW, ...ofThem }));
    expect(judge(long, more.slice(0, 5), RAISE)).toBeNull();
    expect(judge(long, more, RAISE)).toMatchObject({ verdict: "kept", effect: { windows: 3 } });
  });

  test.each([
    ["fewer calls end than before", { ended: 80 }],
    ["more calls fail than before", { ended: 150, failed: 40 }],
    ["calls take longer, and hardly more of them end", { ended: 110, sumMs: 20_000 }],
    ["fewer calls of other tools end than before", { ended: 110, others: 100 }],
  ] as const)("is taken back at once when %s", (reason, more) => {
    expect(after(more, 2)).toMatchObject({ verdict: "reverted", reason });
  });

  test("may make calls longer, or take from others, when it gains by far more", () => {
    expect(after({ ended: 190, sumMs: 20_000, others: 150 })).toMatchObject({ verdict: "kept" });
  });
});

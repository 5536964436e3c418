import { expect, test } from "vitest";

import { NOTHING_KNOWN, think, type OptimizerState } from "../../../src/optimizer/think.ts";
import { sampleOf, toolOf } from "../../support/learning/samples.ts";

const FACTS = { intervalMs: 5_000, room: {}, shapes: {}, canary: null, caps: {} };
const kept = (n: number, ms: number) => ({
  id: `${n}-0`,
  sample: sampleOf({
    atMs: n * 1_000,
    tools: { ask: toolOf({ ok: 5, serviceMs: [ms, ms, ms, ms, ms] }) },
    machines: { m: { usage: { cpu: 0.5 }, pressure: {}, believed: {}, background: {} } },
  }),
});

test("without samples nothing is known more than before", () => {
  expect(think(NOTHING_KNOWN, [], FACTS)).toBeNull();
});

test("a pass remembers where it was, and tells metrics, health and what the old rule says", () => {
  const first = think(NOTHING_KNOWN, [kept(1, 1_000), kept(2, 1_000)], FACTS)!;
  expect(first.state.lastId).toBe("2-0");
  expect(first.report).toMatchObject({
    windowMs: 2_000,
    samples: 2,
    bottlenecks: [],
    baseline: [],
    trends: { responseTimeMs: null },
    alerts: { standing: [] },
  });
  // 0.3 + 0.2 x 0.9 + 0.2 x 0.5 + 0.2 + 0.1, as times are off by 1 % at most.
  expect(first.report.health!.score).toBeCloseTo(0.88, 2);
});

test("a pass that comes late says so, and what of the time nobody has looked at", () => {
  const passes = [[5], [10], [21, 22, 23, 24], [36]];
  let state: OptimizerState = NOTHING_KNOWN;
  const late = passes.map((seconds) => {
    const thought = think(
      state,
      seconds.map((n) => kept(n, 1_000)),
      FACTS,
    )!;
    state = thought.state;
    return thought.report.late;
  });
  expect(late).toEqual([
    null,
    null,
    { afterMs: 14_000, unseenMs: 10_000 },
    { afterMs: 12_000, unseenMs: 11_000 },
  ]);
});

test("times that grow are a trend, for the old rule a degradation, and at last an alert", () => {
  let state: OptimizerState = NOTHING_KNOWN;
  const raised: string[] = [];
  const seen = Array.from({ length: 10 }, (_, n) => {
    const thought = think(state, [kept(n, 1_000 + 700 * n)], FACTS)!;
    state = JSON.parse(JSON.stringify(thought.state)) as OptimizerState;
    raised.push(...thought.report.alerts.raised.map(({ name }) => name));
    return thought.report;
  });
  const last = seen.at(-1)!;
  expect(last.trends.responseTimeMs).toMatchObject({ direction: "rising", n: 10 });
  expect(last.trends.responseTimeMs!.slope).toBeCloseTo(700, -2);
  expect(last.trends.errorRate).toMatchObject({ direction: "none" });
  expect(last.baseline).toEqual(["response_time_degradation"]);
  expect(raised).toEqual(["response_time"]);
  expect(last.alerts.standing).toMatchObject([{ name: "response_time", threshold: 5_000 }]);
});

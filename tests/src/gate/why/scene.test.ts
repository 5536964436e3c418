import { expect, test } from "vitest";

import type { Explained } from "../../../../queues/client.ts";
import { decodeExplained } from "../../../../queues/gate/stored/explained.ts";
import { decodeSnapshot } from "../../../../queues/gate/stored/snapshot.ts";
import { forecast } from "../../../../src/gate/why/forecast.ts";
import { Moment } from "../../../../src/gate/why/scene.ts";

const NOW = 1_000_000;
const SERVED = { machine: "m", tools: ["solo", "tell", "sing"] };
const permit = (tool: string, since: number, more: object = {}) =>
  JSON.stringify({ t: tool, m: "m", p: "p", u: tool, n: {}, b: {}, s: NOW - since, ...more });

/** A moment as the script answers it. */
const moment = (more: Partial<Parameters<typeof decodeSnapshot>[0]>): Moment => {
  const texts = {
    now: NOW,
    level: 0,
    machines: { m: { "c:*": "1000000" } },
    claims: {},
    active: {},
    processes: {},
    leases: {},
    permits: {},
    tools: {},
    budgets: {},
    used: {},
    troubles: {},
    drains: {},
    service: { solo: "10000 20", tell: "10000 20", sing: "4000 20" },
    running: {},
    blocked: {},
    outcomes: {},
    toolLayers: {},
    budgetLayers: {},
  };
  const worker = { worker: "w", startedAt: "", concurrency: 1, queues: [], ...SERVED };
  return new Moment(decodeSnapshot({ ...texts, ...more }), [worker as never]);
};

const explained = (reasons: readonly object[], others: readonly object[] = []): Explained =>
  decodeExplained({
    now: NOW,
    known: true,
    paused: false,
    waiting: 1,
    active: 1,
    running: 1,
    take: { n: {}, b: {} },
    machines: { m: reasons },
    ranks: [{ turn: 0, order: 0, at: 5 }],
    others,
    rates: [],
  } as never);

test.each([
  [1, [1_000], 9_000],
  // The default of three, of which one is out: the next starts at once.
  [undefined, [1_000], 0],
  [2, [1_000, 4_000], 6_000],
])("with %s trial calls allowed and those since %j ms underway", (probes, since, inMs) => {
  const here = moment({
    tools: { solo: JSON.stringify({ needs: {}, breaker: probes === undefined ? {} : { probes } }) },
    troubles: { "b:solo": JSON.stringify({ s: "half", until_: NOW - 1, probes: 1, ok: 0 }) },
    permits: Object.fromEntries(
      since.map((ms, id) => [String(id + 1), permit("solo", ms, { x: 1 })]),
    ),
  });
  const found = forecast(
    here.scene("solo", explained([{ kind: "breaker", state: "half_open", probes: 1 }]), 1),
  );
  expect(found.atMs).toBe(NOW + inMs);
});

test("what keeps one tool alone does not keep those that are in line beside it", () => {
  const here = moment({ permits: { 1: permit("solo", 1_000) } });
  // Of one rank before it: were it kept by the knee of the other, nothing would be left of that.
  const tell = { tool: "tell", take: { n: {}, b: {} }, ranks: [{ turn: 0, order: 0, at: 1 }] };
  const found = forecast(here.scene("solo", explained([{ kind: "knee", limit: 1 }], [tell]), 1));
  expect(found.atMs).toBe(NOW + 9_000);
});

test("a lane has what its tool has for each key", () => {
  const lane = "solo@k-0123";
  const here = moment({
    tools: { solo: JSON.stringify({ perKey: { slots: 1, cost: 1 } }) },
    permits: { 1: permit(lane, 2_000, { b: [[`lane:${lane}`, 1, 1]] }) },
  });
  const kept = explained([{ kind: "slots", budget: `lane:${lane}` }]);
  const take = { units: {}, budgets: [[`lane:${lane}`, 1, 1] as const] };
  expect(forecast(here.scene(lane, { ...kept, take }, 1)).atMs).toBe(NOW + 8_000);
});

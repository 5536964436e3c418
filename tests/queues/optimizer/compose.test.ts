import { expect, test } from "vitest";

import type { Seen } from "../../../queues/gate/stored/observed.ts";
import { composeSample as compose, remember } from "../../../queues/optimizer/compose.ts";
import type { Reading, Remembered, Sample, ToolReading } from "../../../queues/optimizer/sample.ts";

const seen = (more: Partial<Seen>): Seen => ({
  now: 2_000,
  level: 0,
  queues: {},
  blocked: [],
  machines: new Map(),
  usage: new Map(),
  admitted: {},
  ...more,
});
const workers = [
  { machine: "m", tools: ["ask"] },
  { machine: "m", tools: ["ask", "tell"] },
  { machine: "other", tools: ["ask"] },
];
const composeSample = (before: Remembered, now: Seen, readings: readonly Reading[]): Sample =>
  compose(before, now, readings, workers);
const nothing: ToolReading = {
  came: 0,
  began: 0,
  ok: 0,
  failed: 0,
  limited: 0,
  active: 0,
  oldestMs: 0,
};
const said = (process: string, ask: Partial<ToolReading>, machine = "m"): Reading => ({
  machine,
  process,
  tools: { ask: { ...nothing, ...ask } },
});

test("what came is what was taken and what waits more than before", () => {
  const before = remember(seen({ now: 1_000, queues: { ask: [5, 1, 0] } }));
  const readings = [said("p", { came: 4, ok: 3 }), said("q", { came: 2, failed: 1 })];
  const sample = composeSample(before, seen({ queues: { ask: [2, 2, 1] } }), readings);
  expect(sample).toMatchObject({ atMs: 2_000, ms: 1_000 });
  expect(sample.tools["ask"]).toMatchObject({
    waiting: 2,
    active: 2,
    delayed: 1,
    arrivals: 3,
    ok: 3,
    failed: 1,
    servedBy: 2,
  });
});

test("a tool whose queue has emptied is still told of", () => {
  const before = remember(seen({ now: 1_000, queues: { ask: [5, 0, 0] } }));
  const { tools } = composeSample(before, seen({}), [said("p", { came: 5 })]);
  expect(tools["ask"]).toMatchObject({ waiting: 0, arrivals: 0 });
  expect(composeSample(remember(seen({ now: 1_000 })), seen({}), []).tools).toEqual({});
});

test("runs that were admitted while nobody took samples are told by the next sample, apart", () => {
  const first = remember(seen({ now: 1_000, admitted: { a: 2 } }), { before: null });
  const second = remember(seen({ now: 60_000, admitted: { a: 1, b: 3 } }), { before: first });
  const sample = composeSample(second, seen({ now: 61_000, admitted: { c: 1 } }), []);
  expect(sample).toMatchObject({ admitted: { c: 1 }, unseen: { a: 3, b: 3 } });
  const next = remember(seen({ now: 61_000, admitted: { c: 1 } }));
  expect(composeSample(next, seen({ now: 62_000 }), [])).not.toHaveProperty("unseen");
});

test("time that was blocked is that since the sample before; counters that were lost begin anew", () => {
  const before = remember(
    seen({
      now: 1_000,
      blocked: [
        { tool: "ask", label: "knee", ms: 100 },
        { tool: "ask", label: "rate:ask", ms: 70 },
        { tool: "tell", label: "knee", ms: 9 },
      ],
    }),
  );
  const now = seen({
    blocked: [
      { tool: "ask", label: "knee", ms: 600 },
      { tool: "ask", label: "rate:ask", ms: 20 },
      { tool: "tell", label: "knee", ms: 9 },
    ],
  });
  const { tools } = composeSample(before, now, []);
  expect(tools["ask"]?.blockedMs).toEqual({ knee: 500, "rate:ask": 20 });
  expect(tools["tell"]).toBeUndefined();
});

test("only the last word of a process says what is underway there", () => {
  const readings = [
    said("p", { ok: 1, active: 3, oldestMs: 900 }),
    said("q", { ok: 1, active: 1, oldestMs: 100 }),
    said("p", { ok: 1, active: 2, oldestMs: 50 }),
    said("r", { ok: 5, active: 1, oldestMs: 700 }, "other"),
  ];
  const { tools } = composeSample(remember(seen({ now: 1_000 })), seen({}), readings);
  expect(tools["ask"]?.places).toEqual({
    m: { ended: 3, active: 3, oldestMs: 100 },
    other: { ended: 5, active: 1, oldestMs: 700 },
  });
});

test("machines are told in shares; what nobody measured is not there", () => {
  const now = seen({
    machines: new Map([
      ["m", { used: { cpu: 250_000 }, background: { cpu: 100_000 } }],
      ["n", { used: {}, background: {} }],
    ]),
    usage: new Map([
      [
        "m",
        {
          usage: { cpu: 0.4, network: null },
          pressure: { cpu: 0 },
          windowMs: 1_000,
          atMs: 1_000,
        },
      ],
    ]),
  });
  const { machines } = composeSample(remember(seen({ now: 1_000 })), now, []);
  expect(machines).toEqual({
    m: {
      believed: { cpu: 0.25 },
      background: { cpu: 0.1 },
      usage: { cpu: 0.4, network: null },
      pressure: { cpu: 0 },
    },
    n: { believed: {}, background: {}, usage: {}, pressure: {} },
  });
});

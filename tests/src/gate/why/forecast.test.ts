import { expect, test } from "vitest";

import {
  forecast,
  type RunningCall,
  type Scene,
  type Waiting,
} from "../../../../src/gate/why/forecast.ts";

const waiting = (tool: string, more: Partial<Waiting> = {}): Waiting => ({
  tool,
  units: {},
  slots: {},
  count: 1,
  ranks: [],
  machines: new Set(["m"]),
  serviceMs: 100,
  ...more,
});

const running = (endsAtMs: number, more: Partial<RunningCall> = {}): RunningCall => ({
  tool: "t",
  units: {},
  slots: {},
  machine: "m",
  endsAtMs,
  ...more,
});

const scene = (line: readonly Waiting[], more: Partial<Scene> = {}): Scene => ({
  nowMs: 0,
  machines: new Map([["m", { capacity: () => 1_000 }]]),
  budgets: new Map([["b", { slots: 2 }]]),
  running: [],
  line,
  ...more,
});

test("what fits starts at once", () => {
  expect(forecast(scene([waiting("a", { slots: { b: 2 } })]))).toMatchObject({
    atMs: 0,
    machine: "m",
    after: [],
  });
});

test("slots are free with the release that makes it fit", () => {
  const held = [running(30, { slots: { b: 1 } }), running(70, { slots: { b: 1 }, tool: "u" })];
  const ask = (count: number) =>
    forecast(scene([waiting("a", { slots: { b: count } })], { running: held }));
  expect(ask(1)).toMatchObject({ atMs: 30, after: ["t"] });
  expect(ask(2)).toMatchObject({ atMs: 70, after: ["t", "u"] });
});

test("calls of the same tool go before, as many at once as there is room for", () => {
  const ask = (count: number) => forecast(scene([waiting("a", { slots: { b: 1 }, count })])).atMs;
  expect([1, 2, 3, 4, 5, 100].map(ask)).toEqual([0, 0, 100, 100, 200, 4_900]);
  // What is too long to be played goes on at the same pace.
  expect(ask(20_000)! / (20_000 * 50)).toBeCloseTo(1, 1);
});

test("nobody overtakes at a budget, but at a machine whoever fits", () => {
  const big = waiting("big", { slots: { b: 2 }, units: { cpu: 900 } });
  const atBudget = scene([big, waiting("a", { slots: { b: 1 } })], {
    running: [running(30, { slots: { b: 1 } })],
  });
  expect(forecast(atBudget).atMs).toBe(130);
  const atMachine = scene(
    [waiting("big", { units: { cpu: 900 } }), waiting("a", { units: { cpu: 100 } })],
    {
      running: [running(30, { units: { cpu: 500 } })],
    },
  );
  expect(forecast(atMachine).atMs).toBe(0);
});

test("who was added earlier goes first, job by job", () => {
  const rank = (...times: number[]) => times.map((at) => ({ turn: 0, order: 0, at }));
  const one = { slots: { b: 2 }, count: 2 };
  const ask = (...mine: number[]) =>
    forecast(
      scene([
        waiting("x", { ...one, ranks: rank(1, 4) }),
        waiting("a", { ...one, ranks: rank(...mine) }),
      ]),
    ).atMs;
  expect(ask(2, 3)).toBe(200);
  expect(ask(0, 5)).toBe(300);
  expect(ask(0, 0)).toBe(100);
});

test("who comes later takes what is too small for the one before", () => {
  const line = [
    waiting("small", { units: { cpu: 400 }, count: 5, ranks: [{ turn: 0, order: 1, at: 0 }] }),
    waiting("a", { units: { cpu: 600 }, ranks: [{ turn: 0, order: 0, at: 0 }] }),
  ];
  const held = [running(30, { units: { cpu: 500 } }), running(60, { units: { cpu: 500 } })];
  // At 30 a small one starts beside the other; at 60 there is room for 600 again.
  expect(forecast(scene(line, { running: held })).atMs).toBe(60);
  const third = [running(30, { units: { cpu: 500 } }), running(60, { units: { cpu: 300 } })];
  expect(forecast(scene(line, { running: third })).atMs).toBe(30);
});

test("alone everything runs; a kept machine waits for whom it is kept", () => {
  const huge = waiting("a", { units: { cpu: 5_000 } });
  expect(forecast(scene([huge])).atMs).toBe(0);
  expect(forecast(scene([huge], { running: [running(40, { units: { cpu: 1 } })] })).atMs).toBe(40);
  const drain = { tool: "big", units: { cpu: 600 } };
  const kept = scene(
    [waiting("big", { units: { cpu: 600 } }), waiting("a", { units: { cpu: 500 } })],
    {
      machines: new Map([["m", { capacity: () => 1_000, drain }]]),
      running: [running(40, { units: { cpu: 500 } })],
    },
  );
  // At 40 the big one starts, and leaves no room for 100.
  expect(forecast(kept).atMs).toBe(140);
});

test("the machine that is free first is told", () => {
  const both = new Map(["m", "n"].map((name) => [name, { capacity: () => 1_000 }]));
  const held = [
    running(90, { units: { cpu: 600 } }),
    running(50, { units: { cpu: 600 }, machine: "n" }),
  ];
  const ask = (machines: string[]) =>
    forecast(
      scene([waiting("a", { units: { cpu: 500 }, machines: new Set(machines) })], {
        machines: both,
        running: held,
      }),
    );
  expect(ask(["m", "n"])).toMatchObject({ atMs: 50, machine: "n" });
  expect(ask(["m"])).toMatchObject({ atMs: 90, machine: "m" });
  expect(ask([])).toMatchObject({ atMs: null, machine: null });
});

test("an end that nobody knows is told, unless it does not matter", () => {
  const held = [running(Infinity, { slots: { b: 1 }, tool: "odd" })];
  const ask = (count: number) =>
    forecast(scene([waiting("a", { slots: { b: count } })], { running: held }));
  expect(ask(1).atMs).toBe(0);
  expect(ask(2)).toMatchObject({ atMs: null, unknown: ["odd"] });
});

test("a closed service opens at its time, and takes one call more with each that ends", () => {
  const line = (count: number) => [waiting("a", { slots: { ramp: 1 }, count, notBeforeMs: 500 })];
  const budgets = new Map([["ramp", { slots: 1, grows: true }]]);
  const ask = (count: number) => forecast(scene(line(count), { budgets })).atMs;
  expect([1, 2, 3, 4, 7, 8].map(ask)).toEqual([500, 600, 600, 700, 700, 800]);
});

test("of a budget that grows, the first ends make no more room than they had", () => {
  const trial = (firmFor: number) =>
    forecast(
      scene([waiting("a", { slots: { b: 1 }, count: 4 })], {
        budgets: new Map([["b", { slots: 1, grows: true, firmFor }]]),
        running: [running(10, { slots: { b: 1 } })],
      }),
    ).atMs;
  // At 10 two of the four start, at 110 the others.
  expect(trial(0)).toBe(110);
  // One at 10, two at 110, the last at 210.
  expect(trial(1)).toBe(210);
  // One after another.
  expect(trial(9)).toBe(310);
});

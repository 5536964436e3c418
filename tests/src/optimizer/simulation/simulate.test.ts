import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  changed,
  compare,
  pairsOf,
  type ModelChange,
} from "../../../../src/optimizer/simulation/compare.ts";
import type { ModelTool, Recording } from "../../../../src/optimizer/simulation/recording.ts";
import { simulate } from "../../../../src/optimizer/simulation/simulate.ts";
import { SEED } from "../../../support/runner/seed.ts";

const MACHINE = { capacity: {}, others: 1, background: {} };
const tool = (more: Partial<ModelTool> = {}): ModelTool => ({
  resources: {},
  budgets: [{ budget: "tool:ask", slots: 1, units: 1 }],
  arrivals: [],
  waiting: 0,
  serviceMs: [1_000],
  ...more,
});
const recording = (more: Partial<Recording> = {}): Recording => ({
  stepMs: 1_000,
  steps: 60,
  tools: { ask: tool({ waiting: 1_000 }) },
  budgets: { "tool:ask": { slots: 2, rates: [] } },
  machines: [MACHINE],
  ...more,
});
const ended = (one: Recording): number => simulate(one, 1)["ask"]!.ended;

describe("a play", () => {
  test("ends as many calls as its slots let, and the rest waits", () => {
    const { ask } = simulate(recording(), 1);
    expect(ask).toMatchObject({ begun: 122, ended: 120, waiting: 878 });
    // The k-th pair of 61 begins after k seconds.
    expect(ask!.meanWaitMs).toBeCloseTo(30_000, -2);
  });

  test("goes by windows of rates, by budgets that are shared, by what a service carries", () => {
    const rates = { "tool:ask": { rates: [{ max: 3, durationMs: 1_000 }] } };
    // As at the gate a call counts up to a tenth of the window longer than it: three of them in 1,101 ms.
    expect(ended(recording({ budgets: rates }))).toBe(162);
    const gpu = [{ budget: "gpu", slots: 1, units: 0 }];
    const both = simulate(
      recording({
        tools: {
          ask: tool({ waiting: 500, budgets: gpu }),
          tell: tool({ waiting: 500, budgets: gpu }),
        },
        budgets: { gpu: { slots: 4, rates: [] } },
      }),
      1,
    );
    expect(both["ask"]!.ended + both["tell"]!.ended).toBe(240);
    const cap = tool({ waiting: 1_000, budgets: [], cap: 5 });
    expect(ended(recording({ tools: { ask: cap } }))).toBe(300);
  });

  test("fills machines as far as their resources go, but for who is alone there", () => {
    const third = tool({ waiting: 1_000, budgets: [], resources: { cpu: 1 / 3 } });
    expect(ended(recording({ tools: { ask: third } }))).toBe(180);
    expect(ended(recording({ tools: { ask: third }, machines: [MACHINE, MACHINE] }))).toBe(360);
    const busy = { ...MACHINE, background: { cpu: 0.5 } };
    expect(ended(recording({ tools: { ask: third }, machines: [busy] }))).toBe(60);
    const huge = tool({ waiting: 1_000, budgets: [], resources: { cpu: 2 } });
    expect(ended(recording({ tools: { ask: huge } }))).toBe(60);
    const boundless = { ...MACHINE, others: null };
    const filled = recording({ tools: { ask: huge }, machines: [boundless] });
    // All begin at once, and all but the first are slowed down.
    expect(simulate(filled, 1)["ask"]!.begun).toBe(1_000);
    expect(ended(filled)).toBeLessThan(60);
  });

  test("slows calls down where more is used than there is: filling a machine further ends no more", () => {
    const half = tool({ waiting: 1_000, budgets: [], resources: { cpu: 0.5 } });
    const on = (others: number | null, background = 0): number =>
      ended(
        recording({
          tools: { ask: half },
          machines: [{ capacity: {}, others, background: { cpu: background } }],
        }),
      );
    expect(on(1)).toBe(120);
    // Four at once take twice as long.
    expect(on(2)).toBeGreaterThan(112);
    expect(on(2)).toBeLessThanOrEqual(124);
    expect(on(null)).toBeLessThanOrEqual(124);
    expect(on(2, 0.5)).toBeLessThan(100);
    // Who is alone is as slow as it was measured, whatever it needs.
    const whole = tool({ waiting: 1_000, budgets: [], resources: { cpu: 1.5 } });
    expect(ended(recording({ tools: { ask: whole } }))).toBe(60);
  });

  test("lets jobs come as they came", () => {
    const one = tool({ arrivals: Array<number>(60).fill(1), serviceMs: [100] });
    const { ask } = simulate(recording({ tools: { ask: one } }), 1);
    expect(ask!.begun).toBe(60);
    expect(ask!.meanWaitMs).toBeLessThan(50);
  });

  test("is the same for the same seed, and another for another", () => {
    const one = recording({ tools: { ask: tool({ waiting: 500, serviceMs: [100, 900, 1_700] }) } });
    expect(simulate(one, 7)).toEqual(simulate(one, 7));
    expect(simulate(one, 7)).not.toEqual(simulate(one, 8));
  });

  test("never loses a job, whatever the limits are", () => {
    const count = fc.integer({ min: 0, max: 5 });
    const any = fc.record({
      arrivals: fc.array(count, { maxLength: 20 }),
      waiting: fc.integer({ min: 0, max: 50 }),
      serviceMs: fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 5 }),
      needs: fc.dictionary(
        fc.constantFrom("cpu", "gpu"),
        fc.double({ min: 0, max: 1, noNaN: true }),
      ),
      slots: fc.integer({ min: 1, max: 5 }),
      max: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(any, fc.nat(), ({ slots, max, ...more }, seed) => {
        const rates = [{ max, durationMs: 1_500 }];
        const one = recording({
          steps: 20,
          tools: { ask: tool(more) },
          budgets: { "tool:ask": { slots, rates } },
        });
        const { ask } = simulate(one, seed);
        const came = more.waiting + more.arrivals.reduce((sum, n) => sum + n, 0);
        expect(ask!.begun + ask!.waiting).toBe(came);
        expect(ask!.ended).toBeLessThanOrEqual(ask!.begun);
        expect(ask!.begun - ask!.ended).toBeLessThanOrEqual(slots);
      }),
      { seed: SEED },
    );
  });
});

const compared = (one: Recording, change: ModelChange, plays: number) =>
  compare([...pairsOf(one, change, plays)]);

describe("a comparison", () => {
  test("says what a change gains, and how sure that is", () => {
    const noisy = tool({ waiting: 1_000, serviceMs: [500, 1_000, 1_500] });
    const found = compared(
      recording({ tools: { ask: noisy } }),
      { tools: { ask: { concurrency: 4 } } },
      10,
    );
    const { before, after, ended: more, waitMs } = found["ask"]!;
    expect(before.ended).toBeGreaterThan(105);
    expect(after.ended / before.ended).toBeCloseTo(2, 1);
    expect(more.mean).toBeCloseTo(after.ended - before.ended);
    expect(more.low).toBeGreaterThan(100);
    expect(more.high - more.low).toBeLessThan(20);
    expect(waitMs).not.toBeNull();
  });

  test("leaves out what the change makes no difference to", () => {
    expect(compared(recording(), { tools: { ask: { concurrency: 2 } } }, 3)).toEqual({});
    expect(compared(recording(), { tools: { none: { concurrency: 9 } } }, 3)).toEqual({});
  });

  test("leaves out tools beside the one that is changed, when they share nothing with it", () => {
    const noisy = { waiting: 100, serviceMs: [500, 1_000, 1_500], arrivals: [3, 3, 3] };
    const one = recording({
      tools: { ask: tool(noisy), tell: tool({ ...noisy, budgets: [] }) },
    });
    const found = compared(one, { tools: { ask: { concurrency: 9 } } }, 5);
    expect(Object.keys(found)).toEqual(["ask"]);
  });

  test("knows rates, machines, and limits where there were none", () => {
    const third = tool({ waiting: 1_000, budgets: [], resources: { cpu: 1 / 3 } });
    const one = recording({ tools: { ask: third }, budgets: {} });
    expect(ended(changed(one, { machines: 2 }))).toBe(360);
    expect(ended(changed(one, { tools: { ask: { concurrency: 1 } } }))).toBe(60);
    const rates = [{ max: 30, durationMs: 60_000 }];
    expect(ended(changed(one, { tools: { ask: { rates } } }))).toBe(30);
  });
});

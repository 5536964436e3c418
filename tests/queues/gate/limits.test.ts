import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { toolSpec } from "../../../config/index.ts";
import { compileStepLimits } from "../../../queues/client.ts";
import { limitsOfStep } from "../../../queues/gate/stored/limits.ts";
import { compileBudget, compileLimits, MACHINE_UNITS, shareUnits } from "../../../queues/index.ts";

const spec = (fields: object) =>
  toolSpec.parse({ id: "a.b", name: "T", category: "foundation", capabilities: ["x"], ...fields });

describe("a share in millionths", () => {
  test.each([
    [0, 0],
    [0.3, 300_000],
    [0.1, 100_000],
    [1 / 3, 333_333],
    [1 / 7, 142_857],
    [2 / 3, 666_667],
    [1, 1_000_000],
    [0.000_000_2, 1],
  ])("%d is %d", (share, units) => {
    expect(shareUnits(share)).toBe(units);
  });

  const shares = fc.double({ min: 1e-6, max: 1, noNaN: true });

  test("as many fit as floor(1 / share) says, and no more", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          shares,
          fc.integer({ min: 1, max: 1_000 }).map((n) => 1 / n),
        ),
        (share) => {
          const fit = Math.floor(1 / share + 1e-9);
          const units = shareUnits(share);
          expect(fit * units).toBeLessThanOrEqual(MACHINE_UNITS);
          // Small shares are rounded too coarsely to tell one call more from none.
          if (share > 0.001) expect((fit + 1) * units).toBeGreaterThan(MACHINE_UNITS);
        },
      ),
    );
  });

  test("it is never a millionth less than what was declared, nor more than one above", () => {
    fc.assert(
      fc.property(shares, (share) => {
        const off = shareUnits(share) - share * MACHINE_UNITS;
        expect(Math.abs(off)).toBeLessThan(1);
      }),
    );
  });
});

describe("the limits of a tool", () => {
  test("a tool that says nothing takes nothing", () => {
    expect(compileLimits(spec({}))).toEqual({
      limits: { needs: {}, budgets: [], upstream: "a.b", importance: 1 },
    });
  });

  test("concurrency and rate are a budget of its own, which stands first", () => {
    const tool = spec({
      resources: { cpu: 0.25, memory: 0 },
      limits: {
        concurrency: 5,
        rate: [
          { max: 3, durationMs: 1_000 },
          { max: 100, durationMs: 60_000 },
        ],
        cost: 2,
      },
      budgets: { gpu: 1, openai: { cost: 10 }, disk: { slots: 2 } },
      upstream: "openai",
      importance: "critical",
    });
    expect(compileLimits(tool)).toEqual({
      limits: {
        needs: { cpu: 250_000 },
        budgets: [
          ["tool:a.b", 1, 2],
          ["gpu", 1, 1],
          ["openai", 1, 10],
          ["disk", 2, 1],
        ],
        upstream: "openai",
        importance: 0,
      },
      own: {
        slots: 5,
        // It says what a call takes, so what fits bounds what it may be raised to.
        maxSlots: "fit",
        rates: [
          [3, 1_000],
          [100, 60_000],
        ],
      },
    });
  });

  test.each([
    [{ concurrency: 2 }, { slots: 2 }],
    [{ rate: { max: 3, durationMs: 1_000 } }, { rates: [[3, 1_000]] }],
  ])("%j alone is a budget with that alone", (limits, own) => {
    expect(compileLimits(spec({ limits })).own).toEqual(own);
  });

  test("what each key has stands apart, with the cost of a call", () => {
    const perKey = { by: "step", concurrency: 2, rate: { max: 3, durationMs: 1_000 } };
    expect(compileLimits(spec({ limits: { perKey, cost: 2 } }))).toEqual({
      limits: {
        needs: {},
        budgets: [],
        upstream: "a.b",
        importance: 1,
        perKey: { slots: 2, rates: [[3, 1_000]], cost: 2 },
      },
    });
  });

  test.each([
    ["critical", 0],
    ["essential", 1],
    ["optional", 2],
  ])("importance %s is %d", (importance, rank) => {
    expect(compileLimits(spec({ importance })).limits.importance).toBe(rank);
  });

  test("a shared budget", () => {
    expect(compileBudget({ slots: 2 })).toEqual({ slots: 2 });
    expect(compileBudget({ slots: 2, rates: [{ max: 3, durationMs: 1_000 }] })).toEqual({
      slots: 2,
      rates: [[3, 1_000]],
    });
  });
});

describe("what a step says", () => {
  const tool = spec({
    resources: { cpu: 0.25, memory: 0.5 },
    limits: { concurrency: 5 },
    budgets: { gpu: 1, openai: { slots: 3, cost: 10 } },
  });
  const { limits } = compileLimits(tool);

  test("nothing is nothing, and the tool's limits hold", () => {
    expect(compileStepLimits(tool, {})).toBeUndefined();
    expect(compileStepLimits(tool, { resources: {}, budgets: {} })).toBeUndefined();
    expect(limitsOfStep(limits, undefined)).toBe(limits);
  });

  test("stands in the place of what the tool says of that name; the rest stays", () => {
    const step = compileStepLimits(tool, {
      resources: { cpu: 1 / 3, memory: 0, disk: 0.1 },
      budgets: { openai: { cost: 20 } },
    });
    expect(step).toEqual({
      needs: { cpu: 333_333, memory: 0, disk: 100_000 },
      budgets: [["openai", 3, 20]],
    });
    expect(limitsOfStep(limits, step)).toEqual({
      ...limits,
      needs: { cpu: 333_333, disk: 100_000 },
      budgets: [
        ["tool:a.b", 1, 1],
        ["gpu", 1, 1],
        ["openai", 3, 20],
      ],
    });
  });

  test("a number is that many slots and that many units", () => {
    expect(compileStepLimits(tool, { budgets: { gpu: 2 } })).toEqual({ budgets: [["gpu", 2, 2]] });
  });
});

describe("how far the optimizer may raise a concurrency", () => {
  test.each([
    { name: "as far as it says", limits: { concurrency: 2, maxConcurrency: 8 }, max: 8 },
    {
      name: "not at all",
      limits: { concurrency: 2, maxConcurrency: 2 },
      resources: { cpu: 0.1 },
      max: 2,
    },
    { name: "as far as it fits", limits: { concurrency: 2 }, resources: { cpu: 0.1 }, max: "fit" },
    { name: "nobody knows how far", limits: { concurrency: 2 }, max: undefined },
    {
      name: "not from one, which may keep calls apart",
      limits: { concurrency: 1 },
      resources: { cpu: 0.1 },
      max: undefined,
    },
    {
      name: "from one, where calls may be repeated",
      limits: { concurrency: 1 },
      resources: { cpu: 0.1 },
      idempotent: true,
      max: "fit",
    },
  ])("$name", ({ max, limits, resources = {}, idempotent = false }) => {
    const fields = { limits, resources, idempotent };
    expect(compileLimits(spec(fields)).own?.maxSlots).toBe(max);
  });
});

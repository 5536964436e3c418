import { describe, expect, test } from "vitest";

import { TARGETS, type Target } from "../../../../config/index.ts";
import { planFor, type ToolStanding } from "../../../../src/optimizer/planning/plan.ts";
import type { Recording } from "../../../../src/optimizer/simulation/recording.ts";

const MACHINE = { capacity: {}, others: 1, background: {} };
/** Of 60 s: so many calls come a second, each takes a second. */
const tool = (perS: number, cpu: number, more: Partial<Recording["tools"][string]> = {}) => ({
  resources: { cpu },
  budgets: [],
  arrivals: Array.from({ length: 60 }, () => perS),
  waiting: 0,
  serviceMs: [1_000],
  ...more,
});
const slots = (count: number) => ({ slots: count, rates: [] });
const recording = (
  tools: Recording["tools"],
  budgets: Recording["budgets"],
  machines = 3,
): Recording => ({
  stepMs: 1_000,
  steps: 60,
  tools,
  budgets,
  machines: Array.from({ length: machines }, () => MACHINE),
});
const standing = (more: Partial<ToolStanding> = {}): ToolStanding => ({
  importance: "essential",
  max: 50,
  failed: 0,
  isKept: false,
  ...more,
});

/** One tool has too little, one too much, one fails, one is for people, one is not. */
const MIXED = recording(
  {
    short: tool(4, 0.05),
    idle: tool(1, 0.05),
    bad: tool(4, 0.05),
    people: tool(3, 0.05),
    batch: tool(3, 0.05),
  },
  {
    "tool:short": slots(3),
    "tool:idle": slots(10),
    "tool:bad": slots(6),
    "tool:people": slots(4),
    "tool:batch": slots(4),
  },
);
const STANDINGS = {
  short: standing(),
  idle: standing(),
  bad: standing({ failed: 0.3 }),
  people: standing({ importance: "critical" }),
  batch: standing({ importance: "optional" }),
};
const told = (target: Target, recorded = MIXED, standings = STANDINGS): string[] =>
  planFor(target, recorded, standings).map((action) =>
    action.what === "machines"
      ? `machines ${action.from} -> ${action.to}`
      : `${action.tool} ${action.from} -> ${action.to}`,
  );

describe("plans", () => {
  test("for six targets differ, by the same samples", () => {
    const plans = TARGETS.map((target) => told(target));
    expect(new Set(plans.map((plan) => plan.join())).size).toBe(TARGETS.length);
    // What has too little gets more wherever something is gained by it.
    for (const plan of plans)
      expect(plan.some((action) => action.startsWith("short 3 ->"))).toBe(true);
  });

  test("what each is for shows", () => {
    expect(told("efficiency")).toContain("idle 10 -> 5");
    expect(told("efficiency")).toContain("machines 3 -> 1");
    expect(told("cost")).toContain("machines 3 -> 1");
    expect(told("reliability")).toContain("bad 6 -> 4");
    expect(told("performance").some((action) => action.startsWith("bad"))).toBe(false);
    expect(told("user_experience")).toContain("people 4 -> 8");
    expect(told("user_experience").some((action) => action.startsWith("batch 4 ->"))).toBe(false);
  });

  test("grow by a factor of two at most, and not beyond what a catalogue allows", () => {
    const flooded = recording({ ask: tool(40, 0) }, { "tool:ask": slots(3) });
    expect(told("performance", flooded, { ask: standing() } as never)).toEqual(["ask 3 -> 6"]);
    expect(told("performance", flooded, { ask: standing({ max: 4 }) } as never)).toEqual([
      "ask 3 -> 4",
    ]);
    expect(told("performance", flooded, { ask: standing({ max: 3 }) } as never)).toEqual([]);
    // The same for what is taken: two calls at once would do.
    const calm = recording({ ask: tool(1, 0) }, { "tool:ask": slots(20) });
    const failing = { ask: standing({ failed: 0.5 }) } as never;
    expect(told("reliability", calm, failing)).toContain("ask 20 -> 10");
    expect(told("efficiency", calm, { ask: standing() } as never)).toContain("ask 20 -> 10");
  });

  test("give nothing to a tool that something else keeps, or that does not use what it has", () => {
    const flooded = recording({ ask: tool(40, 0) }, { "tool:ask": slots(3) });
    expect(told("performance", flooded, { ask: standing({ isKept: true }) } as never)).toEqual([]);
    const calm = recording({ ask: tool(1, 0) }, { "tool:ask": slots(2) });
    expect(told("performance", calm, { ask: standing() } as never)).toEqual([]);
  });

  test("fit the machines: what all want is shared out", () => {
    const full = recording(
      { a: tool(8, 0.2), b: tool(8, 0.2) },
      { "tool:a": slots(4), "tool:b": slots(4) },
      2,
    );
    const both = { a: standing(), b: standing() } as never;
    expect(told("balanced", full, both)).toEqual(["a 4 -> 5", "b 4 -> 5"]);
    // More machines are asked for where that is the target, twice as many at most.
    expect(told("performance", full, both)).toEqual(["a 4 -> 8", "b 4 -> 8", "machines 2 -> 4"]);
    // One of them may fail.
    expect(told("reliability", full, both)).toContain("machines 2 -> 4");
  });

  test("leave room for what is more important: also a tool without a limit gets one", () => {
    const load = recording({ people: tool(3, 0.1), batch: tool(6, 0.1) }, {});
    const standings = {
      people: standing({ importance: "critical", max: null }),
      batch: standing({ importance: "optional", max: null }),
    } as never;
    expect(told("user_experience", load, standings)).toEqual(["batch null -> 5"]);
    expect(told("balanced", load, standings)).toEqual([]);
  });
});

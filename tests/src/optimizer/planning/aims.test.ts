import { describe, expect, test } from "vitest";

import { TARGETS, type Target } from "../../../../config/index.ts";
import type { Shape } from "../../../../src/optimizer/findings/shape.ts";
import { aimsOf, learnAims, type AimState } from "../../../../src/optimizer/planning/aims.ts";
import { AIM_WINDOWS, isTimeToAim, wishesFor } from "../../../../src/optimizer/service/aiming.ts";
import { NOTHING_KNOWN, type OptimizerState } from "../../../../src/optimizer/think.ts";
import { NOTHING_TUNED } from "../../../../src/optimizer/tuning/state.ts";

const shape = (target: Target, ...tools: string[]): Shape => ({
  visits: {},
  before: {},
  steps: tools.map((tool) => [tool, []] as const),
  target,
});
const SHAPES = Object.fromEntries(
  TARGETS.flatMap((target) => [
    [target, shape(target, "ask")],
    [`${target} twice`, shape(target, "ask", "ask", "tell")],
  ]),
);
const own = { concurrency: 2, declared: 2, max: 4, isSet: false };
const FACTS = { shapes: SHAPES, room: { ask: own, tell: own } };
const after = (...windows: Record<string, number>[]): AimState =>
  windows.reduce<AimState>(
    (state, admitted) => learnAims(state, { admitted, unseen: {} }, FACTS),
    {},
  );

describe("what the runs that call a tool aim at", () => {
  test.each(TARGETS)("%s, where most of its steps are of such runs", (target) => {
    const other: Target = target === "balanced" ? "cost" : "balanced";
    const aims = aimsOf(after({ [`${target} twice`]: 2, [other]: 3 }));
    expect(aims).toEqual(target === "balanced" ? {} : { ask: target, tell: target });
  });

  test("is balanced, which is told of no tool, where it is as many of them", () => {
    expect(aimsOf(after({ balanced: 2, cost: 2 }))).toEqual({});
    expect(aimsOf(after({ balanced: 2, cost: 3 }))).toEqual({ ask: "cost" });
    expect(aimsOf(after({ unknown: 9 }))).toEqual({});
  });

  test("follows those that come, and stays while none do: the last are still at work", () => {
    const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);
    expect(aimsOf(after({ cost: 1 }, ...times(500, {})))).toEqual({ ask: "cost" });
    expect(aimsOf(after({ cost: 500 }, ...times(10, { performance: 1 })))).toEqual({ ask: "cost" });
    expect(aimsOf(after({ cost: 500 }, ...times(100, { performance: 1 })))).toEqual({
      ask: "performance",
    });
    expect(aimsOf(after({ cost: 500 }, { performance: 100 }))).toEqual({ ask: "performance" });
  });

  test("counts runs that were admitted while nobody took samples", () => {
    const state = learnAims({}, { admitted: {}, unseen: { cost: 1 } }, FACTS);
    expect(aimsOf(state)).toEqual({ ask: "cost" });
  });

  test("is told of tools that the optimizer may change, and of no others", () => {
    const of = (room: object): AimState =>
      learnAims(after({ "cost twice": 1 }), { admitted: {}, unseen: {} }, {
        shapes: SHAPES,
        room,
      } as never);
    expect(aimsOf(of({ ask: own }))).toEqual({ ask: "cost" });
    expect(aimsOf(of({ ask: own, tell: { ...own, isSet: true } }))).toEqual({ ask: "cost" });
    expect(of({})).toEqual({});
  });
});

/** Of 60 s: one tool has too little, one too much, of one half of the calls fail. */
const tool = (perS: number) => ({
  resources: { cpu: 0.05 },
  budgets: [],
  arrivals: Array.from({ length: 60 }, () => perS),
  waiting: 0,
  serviceMs: [1_000],
});
const slots = (count: number) => ({ slots: count, rates: [] });
const RECORDED = {
  unknown: [],
  ms: 60_000,
  failed: { bad: 0.5 },
  importance: { people: "critical", batch: "optional" },
  recording: {
    stepMs: 1_000,
    steps: 60,
    tools: { short: tool(4), idle: tool(1), bad: tool(4), people: tool(3), batch: tool(3) },
    budgets: {
      "tool:short": slots(3),
      "tool:idle": slots(10),
      "tool:bad": slots(6),
      "tool:people": slots(4),
      "tool:batch": slots(4),
    },
    machines: Array.from({ length: 3 }, () => ({ capacity: {}, others: 1, background: {} })),
  },
} as const;
const room = (concurrency: number) => ({
  concurrency,
  declared: concurrency,
  max: 50,
  isSet: false,
});
const ROOM = {
  short: room(3),
  idle: room(10),
  bad: room(6),
  people: room(4),
  batch: room(4),
};
const wished = (
  targets: Readonly<Record<string, Target>>,
  state: OptimizerState = NOTHING_KNOWN,
): string[] =>
  wishesFor(targets, RECORDED, { room: ROOM, state }).map(
    ({ tool: name, to, target, by }) => `${name} ${to}, for ${target} (${by})`,
  );
const all = (target: Target) => Object.fromEntries(Object.keys(ROOM).map((name) => [name, target]));

describe("the plan for what runs aim at", () => {
  test.each([
    ["performance", ["short 6", "people 7"], ["bad", "idle"]],
    ["efficiency", ["idle 5", "short 5"], ["people"]],
    ["reliability", ["bad 4", "short 6", "people 6"], ["idle"]],
    ["cost", ["short 5"], ["idle", "bad", "people"]],
    ["user_experience", ["idle 5", "short 6", "people 8"], ["bad"]],
  ] as const)("%s", (target, asked, left) => {
    const told = wished(all(target));
    for (const one of asked) expect(told).toContain(`${one}, for ${target} (its runs)`);
    for (const one of left) expect(told.some((wish) => wish.startsWith(one))).toBe(false);
  });

  test("differs by target", () => {
    const targets = TARGETS.filter((target) => target !== "balanced");
    const plans = targets.map((target) => wished(all(target)).join().replaceAll(target, ""));
    expect(new Set(plans).size).toBe(targets.length);
  });

  test("changes of each tool what its own runs aim at, and no other tool", () => {
    expect(wished({ idle: "efficiency", people: "user_experience" })).toEqual([
      "idle 5, for efficiency (its runs)",
      "people 8, for user_experience (its runs)",
    ]);
  });

  test("leaves alone what rests, and what somebody has set", () => {
    const tuning = { ...NOTHING_TUNED, resting: { short: [3, 12] as const } };
    expect(wished({ short: "performance" })).toHaveLength(1);
    expect(wished({ short: "performance" }, { ...NOTHING_KNOWN, tuning })).toEqual([]);
    const set = { ...ROOM, short: { ...ROOM.short, isSet: true } };
    expect(
      wishesFor({ short: "performance" }, RECORDED, { room: set, state: NOTHING_KNOWN }),
    ).toEqual([]);
  });

  test("is made when nothing is underway, and the one before had time to show", () => {
    const state = (windows: number, tuning: object = {}): OptimizerState => ({
      ...NOTHING_KNOWN,
      aims: { asked: {}, windows, planned: [] },
      tuning: { ...NOTHING_TUNED, ...tuning },
    });
    const wish = { tool: "ask", to: 2, why: "", target: "cost", by: "ada" };
    expect(isTimeToAim(state(AIM_WINDOWS), { ask: "cost" })).toBe(true);
    expect(isTimeToAim(state(AIM_WINDOWS - 1), { ask: "cost" })).toBe(false);
    expect(isTimeToAim(state(AIM_WINDOWS), {})).toBe(false);
    expect(isTimeToAim(state(AIM_WINDOWS, { wishes: [wish] }), { ask: "cost" })).toBe(false);
    expect(isTimeToAim(state(AIM_WINDOWS, { trial: {} }), { ask: "cost" })).toBe(false);
  });
});

import { array, assert, double, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";

import { type Shares, VectorLearner } from "../../../../processors/optimizer/learning/vectors.ts";
import { SEED } from "../../../support/runner/seed.ts";
import { chance } from "./chance.ts";
import {
  misdeclaredTools,
  type Setting,
  simulate,
  type SimulatedTool,
} from "./simulated-machines.ts";

const SEEDS = [SEED, SEED + 1];

function learnerOf(tools: readonly SimulatedTool[]): VectorLearner {
  const declared = new Map(tools.map((tool) => [tool.id, tool.declared]));
  return new VectorLearner((tool) => declared.get(tool) ?? {});
}

/** Mean of |ln(believed / true)| over all shares of all tools. */
function meanError(tools: readonly SimulatedTool[], believed: (tool: string) => Shares): number {
  const errors = tools.flatMap(({ id, needs }) =>
    Object.entries(needs).map(([resource, share]) =>
      Math.abs(Math.log(believed(id)[resource]! / share)),
    ),
  );
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

function learn(
  setting: Pick<Setting, "machines" | "noise"> & Partial<Setting>,
  size: { seed: number; tools: number; load: number },
  seconds: number,
) {
  const random = chance(size.seed);
  const tools = misdeclaredTools(random, size.tools, setting.machines, size.load);
  const learner = learnerOf(tools);
  const whole: Setting = {
    tools,
    chance: random,
    believed: (tool) => learner.resourcesOf(tool),
    reserved: (machine, resource) => learner.background(`m${machine}`)[resource] ?? 0,
    observe: (windows) => learner.observe(windows),
    ...setting,
  };
  return { tools, learner, run: () => simulate(whole, seconds) };
}

describe("the resource vectors of tools", () => {
  it.each(
    SEEDS.flatMap((seed) => [
      { seed, tools: 46, machines: 8, noise: 0.03, most: 0.1 },
      // Fewer machines give fewer readings: 0.09 on average.
      { seed, tools: 12, machines: 2, noise: 0.03, most: 0.12 },
      // A filter that also keeps all covariances ends at the same error: the readings hold no more.
      { seed, tools: 46, machines: 8, noise: 0.1, most: 0.15 },
    ]),
  )(
    "are found in 600 s: $tools tools, $machines machines, noise $noise (seed $seed)",
    ({ seed, tools: count, machines, noise, most }) => {
      const { tools, learner, run } = learn(
        { machines, noise },
        { seed, tools: count, load: 0.75 },
        600,
      );
      expect(meanError(tools, (tool) => learner.resourcesOf(tool))).toBeGreaterThan(0.15);
      run();
      expect(meanError(tools, (tool) => learner.resourcesOf(tool))).toBeLessThan(most);
      expect(meanError(tools, (tool) => learner.learnedOf(tool))).toBeLessThan(most);
    },
  );

  it("are the declared ones while the learned ones are within 10 %", () => {
    const learner = new VectorLearner(() => ({ cpu: 0.2 }));
    const teach = (share: number) => {
      for (let turn = 0; turn < 200; turn++) {
        const calls = 1 + (turn % 3);
        learner.observe([
          {
            machine: "m",
            windowMs: 5_000,
            usage: { cpu: share * calls },
            running: { a: calls },
          },
        ]);
      }
    };
    teach(0.21);
    expect(learner.learnedOf("a")["cpu"]).toBeCloseTo(0.21, 2);
    expect(learner.resourcesOf("a")).toEqual({ cpu: 0.2 });
    teach(0.26);
    expect(learner.resourcesOf("a")["cpu"]).toBeCloseTo(0.26, 2);
  });

  it("stay what was declared where usage is unknown", () => {
    const learner = new VectorLearner(() => ({ cpu: 0.2, network: 0.3 }));
    for (let turn = 0; turn < 50; turn++)
      learner.observe([
        {
          machine: "m",
          windowMs: 5_000,
          usage: { cpu: 0.5, network: null, storage: Number.NaN },
          running: { a: 1 },
        },
      ]);
    expect(learner.resourcesOf("a")["network"]).toBe(0.3);
    expect(learner.resourcesOf("a")["cpu"]).not.toBe(0.2);
    expect(Object.keys(learner.background("m"))).toEqual(["cpu"]);
  });

  it("are corrected upward only by a machine that is full", () => {
    const full = (usage: number, pressure?: number, calls = 3) => {
      const learner = new VectorLearner(() => ({ cpu: 0.4 }));
      for (let turn = 0; turn < 20; turn++)
        learner.observe([
          {
            machine: "m",
            windowMs: 5_000,
            usage: { cpu: usage },
            running: { a: calls + (turn % 2) },
            ...(pressure === undefined ? {} : { pressure: { cpu: pressure } }),
          },
        ]);
      return learner.learnedOf("a")["cpu"]!;
    };
    // 3 and 4 calls of 0.4 read 1.0 because there is no more to read: no reason to think less of them.
    expect(full(1)).toBeGreaterThanOrEqual(0.4);
    expect(full(0.9, 0.3)).toBeGreaterThanOrEqual(0.4);
    // Work that waits is demand that the reading does not show.
    expect(full(1, 0.9, 2)).toBeGreaterThan(full(1, 0.2, 2));
    // Without anybody waiting the same reading says what it says.
    expect(full(0.9, 0)).toBeLessThan(0.4);
  });

  it("survive the way through JSON", () => {
    const size = { seed: SEED, tools: 12, load: 0.7 };
    const { tools, learner, run } = learn({ machines: 2, noise: 0.03 }, size, 100);
    run();
    const declared = new Map(tools.map((tool) => [tool.id, tool.declared]));
    const again = new VectorLearner(
      (tool) => declared.get(tool) ?? {},
      JSON.parse(JSON.stringify(learner)),
    );
    const window = {
      machine: "m1",
      windowMs: 5_000,
      usage: { cpu: 0.7, memory: 0.3 },
      running: { t0: 1.5, t1: 0.4 },
    };
    learner.observe([window]);
    again.observe([window]);
    expect(again.toJSON()).toEqual(learner.toJSON());
    expect(again.resourcesOf("t0")).toEqual(learner.resourcesOf("t0"));
  });

  it("are within a quarter and four times the declared ones, whatever was seen", () => {
    const anything = double({ min: -1, max: 50, noNaN: false });
    assert(
      property(
        record({
          cpu: double({ min: 0, max: 1, noNaN: true }),
          memory: double({ min: 0.01, max: 1, noNaN: true }),
        }),
        array(
          record({
            windowMs: integer({ min: -1, max: 60_000 }),
            usage: record({ cpu: anything, memory: anything }),
            running: record({ a: anything, b: anything }),
            pressure: record({ cpu: anything }),
          }),
          { maxLength: 40 },
        ),
        (declared, windows) => {
          const learner = new VectorLearner((tool) => (tool === "a" ? declared : {}));
          for (const window of windows) learner.observe([{ machine: "m", ...window }]);
          for (const shares of [learner.resourcesOf("a"), learner.learnedOf("a")])
            for (const [resource, share] of Object.entries(shares)) {
              const said = declared[resource as "cpu" | "memory"];
              expect(share).toBeGreaterThanOrEqual(0.25 * said);
              expect(share).toBeLessThanOrEqual(Math.min(1, 4 * said));
            }
          for (const load of Object.values(learner.background("m")))
            expect(load).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  it("are held to the bounds of a declaration that changed since they were learned", () => {
    const before = new VectorLearner(() => ({ cpu: 0.2 }), {
      tools: { a: { cpu: [0.6, 0.001] } },
    });
    expect(before.resourcesOf("a")).toEqual({ cpu: 0.6 });
    const after = new VectorLearner(() => ({ cpu: 0.1 }), JSON.parse(JSON.stringify(before)));
    expect(after.resourcesOf("a")).toEqual({ cpu: 0.4 });
  });
});

describe("the background load of a machine", () => {
  it.each(SEEDS)("shows a neighbor within 30 s and forgets it within 30 s (seed %i)", (seed) => {
    const seen = new Map<string, number[]>();
    const { tools, learner, run } = learn(
      {
        machines: 4,
        noise: 0.03,
        background: (machine, resource, atS) =>
          resource === "cpu" && machine < 2 && atS > 200 && atS <= 400 ? 0.55 : 0,
        observe: (windows) => {
          learner.observe(windows);
          for (const { machine } of windows) {
            const loads = seen.get(machine) ?? [];
            loads.push(learner.background(machine)["cpu"] ?? 0);
            seen.set(machine, loads);
          }
        },
      },
      { seed, tools: 12, load: 0.62 },
      600,
    );
    run();
    // One entry every 5 s: 200 s is the 40th, 230 s the 46th.
    for (const machine of ["m0", "m1"]) {
      const loads = seen.get(machine)!;
      expect(Math.max(...loads.slice(12, 40))).toBeLessThan(0.1);
      expect(Math.min(...loads.slice(46, 80))).toBeGreaterThan(0.4);
      expect(Math.max(...loads.slice(46, 80))).toBeLessThan(0.7);
      expect(Math.max(...loads.slice(86))).toBeLessThan(0.1);
    }
    for (const machine of ["m2", "m3"])
      expect(Math.max(...seen.get(machine)!.slice(12))).toBeLessThan(0.1);
    // The neighbor was not put to the tools' account.
    expect(meanError(tools, (tool) => learner.learnedOf(tool))).toBeLessThan(0.1);
  });

  it("is told from what tools need while little is known of them, by the other machine", () => {
    const declared = { read: 0.1, work: 0.2, store: 0.08 };
    const learner = new VectorLearner((tool) => ({ cpu: declared[tool as keyof typeof declared] }));
    const random = chance(SEED);
    for (let turn = 0; turn < 40; turn++)
      learner.observe(
        // The neighbor comes after 20 s to the machine that is read first.
        [turn < 4 ? 0 : 0.4, 0].map((background, machine) => {
          // As many calls as are believed to have room.
          const room = 1 - (learner.background(`m${machine}`)["cpu"] ?? 0);
          const running = {
            read: room * (1.8 + random.next()),
            work: room * (2.1 + random.next()),
            store: room * (1.8 + random.next()),
          };
          const used = Object.entries(running).reduce(
            (sum, [tool, calls]) => sum + calls * declared[tool as keyof typeof declared],
            background,
          );
          const usage = { cpu: Math.min(1, used + 0.02 * (random.next() - 0.5)) };
          const pressure = { cpu: used > 1 ? 1 - 1 / used : 0 };
          return { machine: `m${machine}`, windowMs: 5_000, usage, pressure, running };
        }),
      );
    for (const [tool, share] of Object.entries(declared))
      expect(Math.abs(learner.learnedOf(tool)["cpu"]! / share - 1), tool).toBeLessThan(0.1);
    expect(learner.background("m0")["cpu"]).toBeGreaterThan(0.33);
    expect(learner.background("m1")["cpu"]).toBe(0);
  });

  it("is unknown for a machine that nobody read, and after it was forgotten", () => {
    const learner = new VectorLearner(() => ({}));
    expect(learner.background("m")).toEqual({});
    learner.observe([{ machine: "m", windowMs: 5_000, usage: { cpu: 0.6 }, running: {} }]);
    expect(learner.background("m")["cpu"]).toBeGreaterThan(0.4);
    learner.forget("m");
    expect(learner.background("m")).toEqual({});
  });
});

import { expect, test } from "vitest";

import type { Digest } from "../../../../src/optimizer/findings/digest.ts";
import {
  NO_CAPS,
  pinCap,
  watchCaps,
  type CapState,
  type LearnedCap,
} from "../../../../src/optimizer/tuning/caps.ts";

const WINDOW_MS = 5_000;
const learned = (cap: number | null, reason = "at_knee"): LearnedCap => ({
  cap,
  reason,
  knee: cap,
  quietMs: 1_000,
});

/** Passes of a service that ends as many calls a window as its cap. */
class World {
  state: CapState = NO_CAPS;
  readonly told: string[] = [];
  #windows: Digest[] = [];

  pass(cap: LearnedCap, windows = 1): this {
    for (let n = 0; n < windows; n++) {
      const ended = cap.cap ?? 100;
      this.#windows.push({
        atMs: (this.#windows.length + 1) * WINDOW_MS,
        ms: WINDOW_MS,
        tools: { ask: { busy: 1, ok: ended, failed: 0, calls: ended, meanMs: 1_000 } },
        machines: {},
      } as unknown as Digest);
      const seen = watchCaps(this.state, { ask: cap }, this.#windows.slice(-12), this.told.length);
      this.state = JSON.parse(JSON.stringify(seen.state)) as CapState;
      for (const { id, from, to, why } of seen.learned)
        this.told.push(`${id}: ${from} -> ${to}, ${why}`);
      for (const { adjustment, effect } of seen.measured)
        this.told.push(`${adjustment.id}: ${effect.beforePerS} -> ${effect.afterPerS}`);
    }
    return this;
  }

  get nowMs(): number {
    return this.#windows.length * WINDOW_MS;
  }
}

test("a cap that was moved to stay is told once, with what it did; looks around it are not", () => {
  const world = new World().pass(learned(6, "slow_start"), 3).pass(learned(14, "slow_start"), 3);
  expect(world.told).toEqual([]);
  world.pass(learned(40), 1);
  expect(world.told).toEqual([
    "1: 6 -> 40, the service becomes slower from 40 calls at once on; with fewer a call takes 1000 ms",
  ]);
  world.pass(learned(40), 4).pass(learned(30, "look_below"), 1).pass(learned(44), 10);
  expect(world.told.slice(1)).toEqual([expect.stringMatching(/^1: [\d.]+ -> 8$/)]);
  world.pass(learned(10), 6);
  expect(world.told.slice(2)).toEqual([
    expect.stringContaining("3: 40 -> 10"),
    expect.stringMatching(/^3: [\d.]+ -> 2$/),
  ]);
  world.pass(learned(null, "no_knee"), 1);
  expect(world.told.at(-1)).toBe("5: 10 -> null, the service showed no bound");
});

test("a cap that is taken back stays so for half an hour, whatever is learned", () => {
  const world = new World().pass(learned(40), 2).pass(learned(10), 5);
  const change = { id: 1, tool: "ask", what: "cap", from: 40, to: 10, why: "", atMs: 0 } as const;
  expect(pinCap(world.state, { ...change, to: 12 }, world.nowMs)).toBeNull();
  expect(pinCap(world.state, { ...change, tool: "other" }, world.nowMs)).toBeNull();
  world.state = pinCap(world.state, change, world.nowMs)!;
  expect(world.state.pins).toMatchObject({ ask: { cap: 40 } });
  const before = world.told.length;
  expect(world.pass(learned(10), 359).told).toHaveLength(before);
  expect(world.state.pins).toMatchObject({ ask: { cap: 40 } });
  // The learner's word holds again.
  world.pass(learned(10), 1);
  expect(world.state.pins).toEqual({});
  expect(world.told.slice(before)).toEqual([expect.stringContaining("40 -> 10")]);
});

test("services that are gone are forgotten", () => {
  const { state } = new World().pass(learned(40), 2);
  expect(watchCaps(state, {}, [], 0)).toMatchObject({ state: { told: {} }, learned: [] });
});

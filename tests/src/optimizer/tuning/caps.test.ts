import { expect, test } from "vitest";

import {
  NO_CAPS,
  pinCap,
  watchCaps,
  type CapState,
  type LearnedChange,
} from "../../../../src/optimizer/tuning/caps.ts";

const WINDOW_MS = 5_000;

/** A learner that moves a cap, and passes of the optimizer that tell of it. */
class World {
  state: CapState = NO_CAPS;
  readonly told: string[] = [];
  #changes: LearnedChange[] = [];
  #id = 0;
  nowMs = 0;

  /** The learner moves the cap; what the move before did is known then. */
  move(from: number | null, to: number | null, reason = "at_knee"): this {
    this.measure("kept");
    const rates = { beforePerS: 6, afterPerS: null, verdict: null };
    const known = { knee: to, quietMs: 1_000, atMs: this.nowMs };
    const number = (this.#changes.at(-1)?.number ?? 0) + 1;
    this.#changes.push({ number, from, to, reason, ...known, ...rates });
    return this;
  }

  measure(verdict: "kept" | "taken_back", afterPerS: number | null = 9): this {
    const last = this.#changes.at(-1);
    if (last?.verdict === null) this.#changes.splice(-1, 1, { ...last, afterPerS, verdict });
    return this;
  }

  pass(windows = 1): this {
    for (let n = 0; n < windows; n++) {
      this.nowMs += WINDOW_MS;
      const cap = this.#changes.at(-1)?.to ?? 6;
      const caps = { ask: { cap, changes: this.#changes } };
      const seen = watchCaps(this.state, caps, this.nowMs, this.#id);
      this.#id = seen.lastId;
      this.state = JSON.parse(JSON.stringify(seen.state)) as CapState;
      for (const { id, from, to, why } of seen.learned)
        this.told.push(`${id}: ${from} -> ${to}, ${why}`);
      for (const { adjustment, effect, verdict } of seen.measured)
        this.told.push(`${adjustment.id}: ${verdict}, gain ${effect?.gain ?? "unknown"}`);
    }
    return this;
  }

  /** The learner begins anew. */
  forget(): this {
    this.#changes = [];
    return this;
  }
}

test("each move of a cap is told once, and once what it did, also of looks and of several in a pass", () => {
  const world = new World().pass(3).move(6, 12, "slow_start").pass();
  expect(world.told).toEqual(["1: 6 -> 12, nothing is known of how many calls at once it carries"]);
  world.pass(2).move(12, 40).pass();
  expect(world.told.slice(1)).toEqual([
    "2: 12 -> 40, the service becomes slower from 40 calls at once on; with fewer a call takes 1000 ms",
    "1: kept, gain 1.5",
  ]);
  world.move(40, 48, "look_above").measure("taken_back", 3).move(48, 40).pass();
  expect(world.told.slice(3)).toEqual([
    "3: 40 -> 48, to see whether it carries more",
    expect.stringContaining("4: 48 -> 40"),
    "2: kept, gain 1.5",
    "3: taken_back, gain 0.5",
  ]);
  world.measure("kept", null).pass(3);
  expect(world.told.slice(7)).toEqual(["4: kept, gain unknown"]);
});

test("a learner that begins anew is told from the start", () => {
  const world = new World().move(6, 12).measure("kept").pass().move(12, 20).pass();
  const before = world.told.length;
  world.forget().pass().move(6, 9, "throttled").pass();
  expect(world.told.slice(before)).toEqual(["3: 6 -> 9, the service answered 429 again and again"]);
});

test("a cap that is taken back stays so for half an hour, whatever is learned", () => {
  const world = new World().move(6, 40).pass(2).move(40, 10).pass(5);
  const change = { id: 2, tool: "ask", what: "cap", from: 40, to: 10, why: "", atMs: 0 } as const;
  expect(pinCap(world.state, { ...change, to: 12 }, world.nowMs)).toBeNull();
  expect(pinCap(world.state, { ...change, tool: "other" }, world.nowMs)).toBeNull();
  world.state = pinCap(world.state, change, world.nowMs)!;
  expect(world.state.pins).toMatchObject({ ask: { cap: 40 } });
  const before = world.told.length;
  // What the learner moves meanwhile has no effect.
  expect(world.move(10, 12).pass(359).told).toHaveLength(before);
  expect(world.state.pins).toMatchObject({ ask: { cap: 40 } });
  // The learner's word holds again.
  world.pass(1).move(12, 15).pass();
  expect(world.state.pins).toEqual({});
  expect(world.told.slice(before)).toEqual([expect.stringContaining("12 -> 15")]);
});

test("services that are gone are forgotten", () => {
  const { state } = new World().move(6, 40).pass(2);
  expect(watchCaps(state, {}, 0, 0)).toMatchObject({ state: { told: {} }, learned: [] });
});

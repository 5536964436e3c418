import { describe, expect, test } from "vitest";

import type { Digest } from "../../../../src/optimizer/findings/digest.ts";
import type { Finding } from "../../../../src/optimizer/findings/finding.ts";
import type {
  Foretold,
  Room,
  ToolRoom,
  Wish,
} from "../../../../src/optimizer/tuning/adjustment.ts";
import {
  NOTHING_TUNED,
  rollBack,
  withdraw,
  type TuningState,
} from "../../../../src/optimizer/tuning/state.ts";
import { tune, type Bounds } from "../../../../src/optimizer/tuning/tune.ts";
const ASK: ToolRoom = { concurrency: 2, declared: 2, max: 8, isSet: false };
const FINDING: Finding = {
  tool: "ask",
  kind: "under_provisioned",
  culprit: "tool:ask",
  sinceMs: 0,
  reliefMs: null,
  evidence: {
    busy: 1,
    waiting: 50,
    drainMs: 60_000,
    ended: 100,
    failed: 0,
    meanMs: 1_000,
    inflation: 1,
    blocked: { cap: 0.9 },
  },
};

/** A deployment whose tool ends so many calls a window as a function of what it may run at once. */
class World {
  state: TuningState = NOTHING_TUNED;
  room: Room = { ask: ASK };
  findings: readonly Finding[] = [FINDING];
  bounds: Omit<Bounds, "room"> = {};
  /** Share of a window in which jobs wait. */
  busy = 1;
  readonly told: string[] = [];
  readonly #ends: (concurrency: number) => number;
  #windows: Digest[] = [];

  constructor(ends: (concurrency: number) => number) {
    this.#ends = ends;
    // What a change is compared with.
    for (let n = 0; n < 3; n++) this.#see(ends(ASK.concurrency));
  }

  /** Windows in which nothing waits and little is done. */
  idle(windows: number): this {
    for (let n = 0; n < windows; n++) {
      this.busy = 0;
      this.#see(10);
    }
    this.busy = 1;
    return this;
  }

  #see(ended: number): void {
    const digest = {
      atMs: (this.#windows.length + 1) * 5_000,
      ms: 5_000,
      tools: { ask: { busy: this.busy, ok: ended, failed: 0, calls: ended, meanMs: 100 } },
      machines: {},
    } as unknown as Digest;
    this.#windows.push(digest);
  }

  get concurrency(): number {
    return this.room["ask"]!.concurrency;
  }

  pass(windows: number): this {
    for (let n = 0; n < windows; n++) {
      const ended = this.#ends(this.concurrency);
      this.#see(ended);
      const { state, made, judged, proposed, declined } = tune(
        this.state,
        this.#windows.slice(-6),
        this.findings,
        { room: this.room, ...this.bounds },
      );
      this.state = JSON.parse(JSON.stringify(state)) as TuningState;
      if (judged !== undefined) this.told.push(`${judged.verdict} ${judged.adjustment.to}`);
      for (const { adjustment } of declined ?? []) this.told.push(`declined ${adjustment.to}`);
      if (made !== undefined) this.told.push(`${made.from} -> ${made.to}`);
      if (proposed !== undefined) this.told.push(`proposed ${proposed.to}`);
      const ask = this.room["ask"];
      // The gate goes by what is desired.
      if (ask !== undefined && !ask.isSet)
        this.room = { ask: { ...ask, concurrency: state.desired["ask"] ?? ask.declared } };
    }
    return this;
  }
}

const told = (high: number, waitSavedMs: number): Record<string, Foretold> => ({
  ask: { gain: 1, low: 0.9, high, waitSavedMs, recordedMs: 600_000, plays: 5 },
});

describe("what the model says of a raise", () => {
  test("goes with it when it may gain: more calls that end, or less waiting", () => {
    for (const foretold of [told(1.2, 0), told(1, 400)]) {
      const world = new World((concurrency) => 100 * concurrency);
      world.bounds = { foretold };
      expect(world.pass(2).told).toEqual(["2 -> 3"]);
      expect(world.state.trial?.adjustment.foretold).toEqual(foretold["ask"]);
    }
  });

  test("keeps it from being made when it is in vain, for twice as long each time", () => {
    const world = new World((concurrency) => 100 * concurrency);
    world.bounds = { foretold: told(1, 0) };
    const changes = (windows: number): string[] => {
      const before = world.told.length;
      return world.pass(windows).told.slice(before);
    };
    expect(changes(2)).toEqual(["declined 3"]);
    // It was declined in the first window of the two.
    expect([changes(10), changes(1)]).toEqual([[], ["declined 3"]]);
    expect([changes(23), changes(1)]).toEqual([[], ["declined 3"]]);
    expect(world.concurrency).toBe(2);
  });
});

test("a dry run says what it would do as long as that holds, and does nothing", () => {
  const world = new World((concurrency) => 100 * concurrency);
  world.bounds = { dryRun: true };
  expect(world.pass(3).told.slice(-2)).toEqual(["proposed 3", "proposed 3"]);
  expect(world.concurrency).toBe(2);
  expect(world.state).toMatchObject({ lastId: 0, desired: {}, trial: null });
});

describe("a tool that may not run more calls at once", () => {
  test("is raised step by step as long as that proves a gain, and not beyond its maximum", () => {
    const world = new World((concurrency) => 100 * concurrency).pass(30);
    expect(world.told).toEqual(["2 -> 3", "kept 3", "3 -> 5", "kept 5", "5 -> 8", "kept 8"]);
    expect(world.concurrency).toBe(8);
  });

  test("is taken back where nothing is gained, and left alone twice as long each time", () => {
    const world = new World(() => 200).pass(5);
    expect(world.told).toEqual(["2 -> 3", "reverted 3"]);
    expect(world.concurrency).toBe(2);
    const changes = (windows: number): number => {
      const before = world.told.length;
      return world.pass(windows).told.length - before;
    };
    expect([changes(11), changes(1)]).toEqual([0, 1]);
    expect([changes(4), changes(23), changes(1)]).toEqual([1, 0, 1]);
  });

  test("is taken back within three windows where it does harm", () => {
    const world = new World((concurrency) => (concurrency > 2 ? 100 : 200)).pass(3);
    expect(world.told).toEqual(["2 -> 3", "reverted 3"]);
  });

  test.each([
    ["its catalogue gives no room", { room: { ask: { ...ASK, max: 2 } } }],
    ["somebody has set it by hand", { room: { ask: { ...ASK, isSet: true } } }],
    ["the gate does not know it", { room: {} }],
    ["its slots are not what it waits for", { findings: [{ ...FINDING, culprit: "workers" }] }],
    ["something else keeps it", { findings: [{ ...FINDING, kind: "rate_limited" as const }] }],
    ["nothing is wrong", { findings: [] }],
  ])("is not raised when %s", (_, more) => {
    const world = Object.assign(new World((concurrency) => 100 * concurrency), more);
    if (world.room["ask"] === undefined) {
      const { state, made } = tune(world.state, [], world.findings, { room: world.room });
      expect([made, state.desired]).toEqual([undefined, {}]);
    } else expect(world.pass(20).told).toEqual([]);
  });
});

describe("a change is compared", () => {
  test("only with windows in which jobs waited: a load that begins is no gain", () => {
    const world = new World(() => 200).idle(6);
    expect(world.pass(3).told).toEqual([]);
    expect(world.pass(5).told).toEqual(["2 -> 3", "reverted 3"]);
  });

  test("only where a gain could be told from chance", () => {
    expect(new World(() => 1).pass(20).told).toEqual([]);
    expect(new World((concurrency) => 10 * concurrency).pass(5).told).toEqual(["2 -> 3", "kept 3"]);
  });
});

describe("what somebody asked for", () => {
  const wish = (to: number): Wish => ({
    tool: "ask",
    to,
    why: "a plan",
    target: "efficiency",
    by: "ada",
  });
  const asked = (world: World, ...tos: number[]): World => {
    world.findings = [];
    world.state = { ...world.state, wishes: tos.map(wish) };
    return world;
  };

  test("comes first, one after another, and stays unless it does harm", () => {
    const world = asked(new World(() => 100), 4, 6).pass(20);
    expect(world.told).toEqual(["2 -> 4", "kept 4", "4 -> 6", "kept 6"]);
    expect(world.concurrency).toBe(6);
    expect(world.state.wishes).toEqual([]);
  });

  test("is taken back where it does harm", () => {
    const world = asked(new World((concurrency) => (concurrency > 2 ? 100 : 200)), 4).pass(20);
    expect(world.told).toEqual(["2 -> 4", "reverted 4"]);
    expect(world.concurrency).toBe(2);
  });

  test("may be less than the catalogue declares, until that declares something else", () => {
    const world = new World(() => 50);
    world.room = { ask: { ...ASK, concurrency: 6, declared: 6 } };
    world.busy = 0;
    asked(world, 3).pass(8);
    expect(world.told).toEqual(["6 -> 3", "kept 3"]);
    expect([world.concurrency, world.state.lowered]).toEqual([3, { ask: 6 }]);
    world.room = { ask: { ...ASK, concurrency: 3, declared: 7 } };
    world.pass(1);
    expect([world.concurrency, world.state.lowered]).toEqual([7, {}]);
  });

  test("is taken back when less is missed: jobs wait that did not wait before", () => {
    const world = new World(() => 50);
    world.room = { ask: { ...ASK, concurrency: 6, declared: 6 } };
    world.idle(6).busy = 0;
    asked(world, 3).pass(1);
    // One more window without waiting: it is the one that does not count.
    world.busy = 1;
    expect(world.pass(5).told).toEqual(["6 -> 3", "reverted 3"]);
    expect([world.concurrency, world.state.desired]).toEqual([6, {}]);
  });

  test("may be what the catalogue declares: that is measured and taken back like any other", () => {
    const world = new World((concurrency) => (concurrency > 4 ? 10 : 50));
    world.room = { ask: { ...ASK, concurrency: 8, declared: 8 } };
    world.idle(6).busy = 0;
    asked(world, 4).pass(8);
    expect(world.told).toEqual(["8 -> 4", "kept 4"]);
    asked(world, 8).pass(20);
    expect(world.told.slice(2)).toEqual(["4 -> 8", "reverted 8"]);
    // It is lowered still, as it was before that.
    expect([world.concurrency, world.state.lowered]).toEqual([4, { ask: 8 }]);
    asked(world, 8).pass(1);
    const { adjustment } = world.state.trial!;
    world.state = rollBack(world.state, adjustment, world.room)!;
    world.pass(1);
    expect([world.concurrency, world.state.lowered]).toEqual([4, { ask: 8 }]);
  });

  test("is dropped, and says why, where it cannot be done any more", () => {
    const world = asked(new World(() => 100), 2, 4, 4).pass(20);
    expect(world.told).toEqual(["declined 2", "2 -> 4", "kept 4", "declined 4"]);
    world.room = { ask: { ...ASK, isSet: true } };
    expect(asked(world, 5).pass(1).told.slice(-1)).toEqual(["declined 5"]);
    expect(world.state).toMatchObject({ wishes: [], lastId: 4 });
  });

  test("waits for the change that is underway, and for the windows it is compared with", () => {
    const world = new World((concurrency) => 100 * concurrency).pass(2);
    expect(world.told).toEqual(["2 -> 3"]);
    expect(asked(world, 6).pass(20).told).toEqual(["2 -> 3", "kept 3", "3 -> 6", "kept 6"]);
  });

  test("is not done in a dry run", () => {
    const world = asked(new World(() => 100), 4);
    world.bounds = { dryRun: true };
    expect(world.pass(10).told).toEqual([]);
  });
});

describe("what was changed", () => {
  test("is the operator's when somebody sets it by hand", () => {
    const world = new World((concurrency) => 100 * concurrency).pass(6);
    expect(world.state.desired).toEqual({ ask: 5 });
    world.room = { ask: { ...ASK, concurrency: 7, isSet: true } };
    world.pass(1);
    expect(world.state).toMatchObject({ desired: {}, trial: null });
  });

  test("is lowered with its maximum when a new catalogue gives less room", () => {
    const world = new World((concurrency) => 100 * concurrency).pass(30);
    world.room = { ask: { ...ASK, concurrency: 8, max: 4 } };
    expect(world.pass(1).state.desired).toEqual({ ask: 4 });
  });

  test("is its catalogue's when that gives as much by itself", () => {
    const world = new World((concurrency) => 100 * concurrency).pass(6);
    expect(world.state.desired).toEqual({ ask: 5 });
    world.room = { ask: { ...ASK, concurrency: 6, declared: 6 } };
    world.findings = [];
    expect(world.pass(1).state.desired).toEqual({});
  });

  test("is withdrawn as a change of its own when the optimizer is turned off", () => {
    const { state, room } = new World((concurrency) => 100 * concurrency).pass(6);
    const { made, state: after } = withdraw(state, room, "off", 7);
    expect(made).toEqual([
      { id: 3, tool: "ask", what: "concurrency", from: 5, to: 2, why: "off", atMs: 7 },
    ]);
    expect(after).toMatchObject({ lastId: 3, desired: {}, trial: null });
  });

  test("is rolled back by hand once, and then left alone", () => {
    const world = new World((concurrency) => 100 * concurrency).pass(6);
    const { adjustment } = world.state.trial ?? { adjustment: undefined };
    const first = { ...FINDING, id: 1, what: "concurrency", from: 2, to: 3 } as const;
    // The second raise is underway already: the first one is not what is in force.
    expect(adjustment).toMatchObject({ id: 2, from: 3, to: 5 });
    expect(rollBack(world.state, { ...first, why: "", atMs: 0 }, world.room)).toBeNull();
    world.state = rollBack(world.state, adjustment!, world.room)!;
    expect(world.state).toMatchObject({ desired: { ask: 3 }, trial: null });
    expect(rollBack(world.state, adjustment!, world.room)).toBeNull();
    world.room = { ask: { ...ASK, concurrency: 3 } };
    const before = world.told.length;
    expect(world.pass(300).told).toHaveLength(before);
  });
});

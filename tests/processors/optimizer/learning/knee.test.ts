import { array, assert, boolean, constantFrom, double, property, record } from "fast-check";
import { describe, expect, it } from "vitest";

import {
  KneeControl,
  type KneeState,
  startCapOf,
} from "../../../../processors/optimizer/learning/knee.ts";
import { SEED } from "../../../support/runner/seed.ts";
import { chance } from "./chance.ts";
import {
  reversals,
  type ServicePhase,
  type ServiceSetting,
  simulateService,
  throughput,
} from "./simulated-service.ts";

const SEEDS = [SEED, SEED + 1, SEED + 2, SEED + 3];
const MOVING = [
  { fromS: 0, knee: 16 },
  { fromS: 300, knee: 8 },
  { fromS: 600, knee: 16 },
] as const satisfies readonly ServicePhase[];

const run = (seed: number, setting: Partial<ServiceSetting>) =>
  simulateService({
    phases: MOVING,
    seconds: 900,
    chance: chance(seed),
    loss: 0.4,
    callers: 64,
    control: new KneeControl(),
    ...setting,
  });

/** Calls of the same latency, one every 100 ms, each seen at this concurrency; a decision may follow each of them. */
function feed(
  knee: KneeControl,
  calls: {
    count: number;
    concurrency: number;
    latencyMs: number;
    fromMs: number;
    bound?: boolean;
  },
) {
  const { count, fromMs, bound = true, ...call } = calls;
  return Array.from({ length: count }, (_, at) => {
    const atMs = fromMs + at * 100;
    knee.sample({ ...call, atMs, bound });
    return knee.decide(atMs);
  }).filter((decision) => decision !== null);
}

describe("the cap of an external tool", () => {
  // 0: a service that shares its capacity evenly; 0.4: one that loses throughput when it is crowded.
  it.each([0, 0.4])("follows a knee of 16, 8, 16 with always more to do (loss %d)", (loss) => {
    const seeds = Array.from({ length: 12 }, (_, at) => SEED + at);
    const share = seeds.map((seed) => {
      const course = run(seed, { loss });
      return MOVING.map(({ fromS, knee }) => {
        // The best fixed cap is the knee itself. The first minute after a change is for finding it.
        const best = throughput(run(seed, { loss, control: knee }), fromS + 60, fromS + 300);
        return throughput(course, fromS + 60, fromS + 300) / best;
      });
    });
    for (const phase of [0, 1, 2]) {
      const shares = share.map((shares_) => shares_[phase]!).toSorted((a, b) => a - b);
      const said = `phase ${phase}: ${shares.join(" ")}`;
      expect(shares[shares.length / 2], said).toBeGreaterThan(0.9);
      // One rise in some fifty is seen by a later look only.
      expect(shares[2], said).toBeGreaterThan(0.85);
    }
  });

  it.each([{ knee: 8, rate: 3.4 }, { knee: 16, rate: 6.8 }, { knee: 16, rate: 8 }, { knee: 16 }])(
    "turns at most 1.5 times a minute at stationary load: $knee, $rate/s",
    (phase) => {
      for (const seed of SEEDS) {
        const course = run(seed, { phases: [{ fromS: 0, ...phase }] });
        expect(reversals(course, 60, 900), `seed ${seed}`).toBeLessThanOrEqual(1.5);
        // A look in a quarter of a minute at most, there and back.
        const moves = course.caps.filter(({ atS }) => atS > 60).length;
        expect(moves / 14, `seed ${seed}`).toBeLessThanOrEqual(8);
      }
    },
  );

  it("lets through what arrives while there is room", () => {
    for (const seed of SEEDS) {
      const course = run(seed, { phases: [{ fromS: 0, knee: 16, rate: 6.8 }] });
      expect(throughput(course, 60, 900), `seed ${seed}`).toBeGreaterThan(0.95 * 6.8);
    }
  });

  it("holds nothing back where no knee is", () => {
    for (const seed of SEEDS) {
      const setting = { phases: [{ fromS: 0, knee: Infinity }], callers: 40 };
      const free = throughput(run(seed, { ...setting, control: 40 }), 60, 900);
      const course = run(seed, setting);
      expect(throughput(course, 60, 900), `seed ${seed}`).toBeGreaterThan(0.97 * free);
      expect(reversals(course, 60, 900)).toBeLessThanOrEqual(0.25);
    }
  });

  it("ends where as many calls are made as the ceiling says and none slows another", () => {
    const knee = new KneeControl({ startCap: 10, ceiling: 30 });
    expect(knee.decision).toEqual({ cap: 10, reason: "slow_start" });
    const decisions = [10, 10, 15, 23].flatMap((concurrency, at) =>
      feed(knee, { count: 16, concurrency, latencyMs: 1_000, fromMs: at * 3_000 }),
    );
    expect(decisions).toEqual([
      { cap: 20, reason: "slow_start" },
      { cap: null, reason: "no_knee" },
    ]);
  });

  it("begins with a quarter of what somebody declared, and with 6 where nobody did", () => {
    const declared = [undefined, 1, 4, 6, 10, 13, 24, 64, 1_000];
    expect(declared.map(startCapOf)).toEqual([6, 1, 1, 2, 3, 4, 6, 16, 16]);
  });

  it("does not grow while nothing waits for it", () => {
    const knee = new KneeControl();
    const calls = { count: 300, concurrency: 3, latencyMs: 500, fromMs: 0, bound: false };
    expect(feed(knee, calls)).toEqual([]);
    expect(knee.decision).toEqual({ cap: 6, reason: "slow_start" });
  });

  it("finds a small knee, and that it rises", () => {
    const phases = [
      { fromS: 0, knee: 3 },
      { fromS: 400, knee: 6 },
    ];
    const ended = (seed: number, control: number | KneeControl, fromS: number, toS: number) =>
      throughput(run(seed, { phases, control }), fromS, toS);
    const share = (knee: number, fromS: number, toS: number): number => {
      const shares = SEEDS.map(
        (seed) => ended(seed, new KneeControl(), fromS, toS) / ended(seed, knee, fromS, toS),
      );
      return shares.reduce((sum, one) => sum + one, 0) / shares.length;
    };
    expect(share(3, 60, 400)).toBeGreaterThan(0.8);
    expect(share(6, 550, 900)).toBeGreaterThan(0.8);
  });

  it("follows a knee of 40 calls of 6 s that falls to 10", () => {
    const phases = [
      { fromS: 0, knee: 40, serviceS: 6, rate: 44 / 6 },
      { fromS: 240, knee: 10, serviceS: 6, rate: 11 / 6 },
    ];
    const setting = { phases, callers: 400, seconds: 600, variation: 0.6 };
    const shares = Array.from({ length: 12 }, (_, at) => {
      const course = run(SEED + at, setting);
      return [throughput(course, 120, 240) / (40 / 6), throughput(course, 360, 600) / (10 / 6)];
    });
    for (const phase of [0, 1]) {
      const sorted = shares.map((one) => one[phase]!).toSorted((a, b) => a - b);
      expect(sorted[6], sorted.join(" ")).toBeGreaterThan(0.87);
      expect(sorted[0], sorted.join(" ")).toBeGreaterThan(0.7);
    }
  });

  it("never lets in more than twice what it has seen, however much waits", () => {
    const course = run(SEED, { phases: [{ fromS: 0, knee: 100 }], callers: 1_000, seconds: 120 });
    const caps = [6, ...course.caps.map(({ cap }) => cap!)];
    expect(caps).not.toContain(null);
    for (const [at, cap] of caps.entries())
      expect(cap).toBeLessThanOrEqual(2 * Math.max(...caps.slice(0, Math.max(1, at))));
  });

  it("looks above now and then", () => {
    const reasons = new Set<string>();
    class Watched extends KneeControl {
      override decide(atMs: number) {
        const decision = super.decide(atMs);
        reasons.add(this.decision.reason);
        return decision;
      }
    }
    run(SEED, { phases: [{ fromS: 0, knee: 16 }], control: new Watched() });
    for (const reason of ["slow_start", "at_knee", "look_above"]) expect(reasons).toContain(reason);
  });

  it("takes what an older version kept for a cap only", () => {
    const older = { cap: 17, reason: "at_knee", history: [], fit: null } as unknown as KneeState;
    expect(new KneeControl({}, older).decision).toEqual({ cap: 17, reason: "slow_start" });
  });

  it("reads what the version before kept, and goes on from there", () => {
    const knees = Array.from({ length: 68 }, (_, index) => 1.1 ** index);
    // It was nearly sure of 16 calls at once, of 2 s each.
    const weights = knees.map((knee) => Math.exp(-50 * Math.log(knee / 16) ** 2));
    const sum = weights.reduce((all, one) => all + one, 0);
    const before = {
      cap: 15,
      reason: "at_knee",
      limit: null,
      throttledMs: null,
      buffer: { sinceMs: 1, calls: 2, bound: 2, concurrency: 20, log: 15, logSquares: 112 },
      belief: {
        chance: weights.map((one) => one / sum),
        logBase: knees.map(() => Math.log(2_000)),
        doubt: knees.map(() => 0.001),
      },
      variance: 0.2,
      found: true,
      learnedMs: 500,
      movedMs: 400,
    } as unknown as KneeState;
    const knee = new KneeControl({}, before);
    expect(knee.decision).toEqual({ cap: 15, reason: "at_knee" });
    const calls = { count: 60, concurrency: 15, latencyMs: 2_000, fromMs: 10_000 };
    const caps = feed(knee, calls).map(({ cap }) => cap!);
    for (const cap of caps) expect(Math.abs(cap - 15)).toBeLessThanOrEqual(8);
    const after = JSON.parse(JSON.stringify(knee)) as KneeState;
    expect(new KneeControl({}, after).decision).toEqual(knee.decision);
  });

  it("writes down each change, with what it did and whether it was kept", () => {
    const knee = new KneeControl();
    run(SEED, { phases: [{ fromS: 0, knee: 16 }], control: knee });
    const { changes } = knee.toJSON();
    expect(changes.length).toBeGreaterThan(10);
    for (const [at, change] of changes.entries()) {
      const next = changes[at + 1];
      if (next === undefined) continue;
      expect(next).toMatchObject({ number: change.number + 1, from: change.to });
      expect(change.verdict).not.toBeNull();
    }
    // Far above the knee less ends, so that was taken back.
    const far = changes.filter(({ to, verdict }) => to! >= 22 && verdict !== null);
    expect(far.length).toBeGreaterThan(2);
    for (const change of far)
      expect(change, JSON.stringify(change)).toMatchObject({ verdict: "taken_back" });
    const mean = (of: "beforePerS" | "afterPerS") =>
      far.reduce((sum, change) => sum + (change[of] ?? 0), 0) / far.length;
    expect(mean("afterPerS")).toBeLessThan(mean("beforePerS"));
  });

  it("comes back when the service is slower for all and no knee has moved", () => {
    const phases = [
      { fromS: 0, knee: 16 },
      { fromS: 300, knee: 16, serviceS: 4 },
    ];
    const shares = Array.from({ length: 12 }, (_, at) => SEED + at).map((seed) => {
      const best = throughput(run(seed, { phases, control: 16 }), 400, 900);
      return throughput(run(seed, { phases }), 400, 900) / best;
    });
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    expect(mean, shares.join(" ")).toBeGreaterThan(0.86);
  });

  it("finds a knee of 100, where calls come by the dozen in a second", () => {
    const phases = [{ fromS: 0, knee: 100 }];
    const setting = { phases, callers: 300, seconds: 300 };
    const best = throughput(run(SEED, { ...setting, control: 100 }), 60, 300);
    expect(throughput(run(SEED, setting), 60, 300) / best).toBeGreaterThan(0.85);
  });

  it("falls to 70 % on a 429 that follows another within a minute, once in a second, and grows back", () => {
    const knee = new KneeControl({ startCap: 20 });
    expect(knee.throttled(1_000)).toBeNull();
    expect(knee.throttled(1_900)).toBeNull();
    expect(knee.throttled(2_000)).toEqual({ cap: 14, reason: "throttled" });
    expect(knee.throttled(2_900)).toBeNull();
    expect(knee.throttled(3_000)).toEqual({ cap: 9, reason: "throttled" });
    const caps = feed(knee, { count: 250, concurrency: 9, latencyMs: 800, fromMs: 4_000 }).map(
      ({ cap }) => cap,
    );
    expect(caps.slice(0, 3)).toEqual([10, 11, 13]);
    expect(knee.decision.reason).not.toBe("throttled");
  });

  it("stays near what the service admits, and gets most of it", () => {
    const course = run(SEED, { phases: [{ fromS: 0, knee: Infinity }], refusedAbove: 10 });
    const caps = course.caps.filter(({ atS }) => atS > 60).map(({ cap }) => cap);
    expect(caps.length).toBeGreaterThan(5);
    for (const cap of caps) expect(cap).toBeLessThanOrEqual(13);
    expect(throughput(course, 60, 900)).toBeGreaterThan(0.75 * 5);
  });

  it("goes on as before after the way through JSON", () => {
    const one = new KneeControl();
    run(SEED, { control: one, seconds: 120 });
    const other = new KneeControl({}, JSON.parse(JSON.stringify(one)));
    expect(other.decision).toEqual(one.decision);
    const calls = { count: 90, concurrency: 18, latencyMs: 5_000, fromMs: 200_000 };
    expect(feed(other, calls)).toEqual(feed(one, calls));
    expect(other.toJSON()).toEqual(one.toJSON());
  });

  it("is a whole number from 1 on or none, whatever it is told", () => {
    const anything = double({ min: -1, max: 1e6, noNaN: false });
    assert(
      property(
        array(
          record({
            concurrency: double({ min: 0, max: 300, noNaN: false }),
            latencyMs: anything,
            bound: boolean(),
            refused: boolean(),
            putBackMs: constantFrom(0, 0, 0, 2_000, 1e9),
          }),
          { minLength: 30, maxLength: 200 },
        ),
        (calls) => {
          const knee = new KneeControl();
          calls.forEach(({ refused, putBackMs, ...call }, at) => {
            const atMs = 2e9 + at * 2_000 - putBackMs;
            knee.sample({ ...call, atMs });
            knee.decide(atMs);
            if (refused) knee.throttled(atMs);
            const { cap } = knee.decision;
            expect(cap === null || (Number.isInteger(cap) && cap >= 1)).toBe(true);
            const shares = knee.toJSON().belief?.chance ?? [];
            expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true);
          });
        },
      ),
      { numRuns: 50 },
    );
  });
});

import { describe, expect, it } from "vitest";

import { drawCourse } from "../../../bench/optimizer/foreign/draw.ts";
import { figuresOf } from "../../../bench/optimizer/foreign/figures.ts";
import { readCourses, type ForeignCourse } from "../../../bench/optimizer/foreign/format.ts";
import { playCourse } from "../../../bench/optimizer/foreign/play.ts";
import { reportOf } from "../../../bench/optimizer/foreign/report.ts";
import { playService } from "../../../bench/optimizer/foreign/service.ts";
import { LEARN_INTERVAL_MS } from "../../../processors/optimizer/learner.ts";

const PASS_S = LEARN_INTERVAL_MS / 1_000;
const phase = (capacity: number, more: object = {}) => ({
  capacity,
  exponent: 2,
  baseMs: 1_000,
  jitter: 0.1,
  seconds: 300,
  ...more,
});
const fixed = (cap: number | null) => ({ cap, pass: () => {} });

/** Figures of a cap that never moves. */
function still(course: ForeignCourse, cap: number | null) {
  const alone = playService(course, fixed(null), PASS_S);
  return figuresOf(course, playService(course, fixed(cap), PASS_S), alone);
}

describe("courses of others", () => {
  it("are read as a list or under a name, and refused with every problem", () => {
    const course = { declaredLimit: 40, seed: 1, phases: [phase(40)] };
    expect(readCourses([course])).toEqual(readCourses({ courses: [course] }));
    const wrong = { declaredLimit: 0, seed: 1, phases: [phase(40, { jitter: -1, base: 5 })] };
    const said = (() => {
      try {
        readCourses([wrong]);
        return "";
      } catch (thrown) {
        return String(thrown);
      }
    })();
    for (const name of ["declaredLimit", "jitter", "base"]) expect(said).toContain(name);
    expect(() => readCourses([])).toThrow("Too small");
  });

  it("are played alike again, and told against what is right", () => {
    const course = { declaredLimit: 40, seed: 7, phases: [phase(40), phase(10), phase(40)] };
    const low = still(course, 10);
    expect(low).toEqual(still(course, 10));
    expect(low.phases.map(({ change }) => change)).toEqual(["start", "fall", "rise"]);
    expect(low.phases.map(({ right }) => right)).toEqual([40, 10, 40]);
    // A quarter of what could be, and all of it while ten are right.
    expect(low.phases[0]).toMatchObject({ to80S: null, ok: false });
    expect(low.phases[0]!.share).toBeCloseTo(0.25, 1);
    expect(low.phases[1]).toMatchObject({ to80S: 0, ok: true });
    // The declared limit alone: (40 / 10) ^ (1 - 2) of the best while it is crowded.
    const alone = still(course, null);
    expect(alone.toDeclared).toBe(1);
    expect(alone.phases[1]!.share).toBeCloseTo(0.25, 1);
    expect(alone.phases[2]!.ok).toBe(true);
  });

  it("say nothing of a phase that ends before what was underway has", () => {
    const course = {
      declaredLimit: 64,
      seed: 7,
      phases: [phase(64), phase(2, { seconds: 20, exponent: 3 })],
    };
    expect(still(course, 64).phases[1]).toMatchObject({ to80S: null, ok: null });
  });

  it("follow a capacity that drifts", () => {
    const course = { declaredLimit: 40, seed: 7, phases: [phase(40, { toCapacity: 10 })] };
    const done = still(course, 10).phases[0]!;
    expect(done.share).toBeGreaterThan(0.3);
    expect(done.share).toBeLessThan(0.7);
  });
});

describe("the learner of caps", () => {
  it.each([1.3, 1.6, 2, 2.5])(
    "finds a capacity again that came back: 40, 10, 40 with exponent %d, in eight seeds",
    (exponent) => {
      for (let seed = 1; seed <= 8; seed++) {
        const phases = [phase(40, { exponent }), phase(10, { exponent }), phase(40, { exponent })];
        const { phases: went, toDeclared } = playCourse(
          { declaredLimit: 40, seed, phases },
          PASS_S,
        );
        for (const { to80S, allowedS, shareAfter } of went) {
          expect(to80S, `seed ${seed}: ${JSON.stringify(went)}`).toBeLessThanOrEqual(allowedS);
          expect(shareAfter, `seed ${seed}: ${JSON.stringify(went)}`).toBeGreaterThan(0.85);
        }
        expect(toDeclared).toBeGreaterThan(0.95);
      }
    },
  );

  it("does no harm in a few courses of every kind", () => {
    const played = Array.from({ length: 8 }, (_, at) => playCourse(drawCourse(900 + at), PASS_S));
    const { inTime, ok, toDeclared } = reportOf(played);
    const said = JSON.stringify(played.filter((one) => one.phases.some((p) => p.ok === false)));
    expect(inTime, said).toBeGreaterThan(0.9);
    expect(ok, said).toBeGreaterThan(0.85);
    expect(toDeclared.least, said).toBeGreaterThan(0.8);
  });
});

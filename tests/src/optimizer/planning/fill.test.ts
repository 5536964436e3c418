import { array, assert, constantFrom, dictionary, double, property, record } from "fast-check";
import { describe, expect, test } from "vitest";

import { fill } from "../../../../src/optimizer/planning/fill.ts";

const want = (count: number, resources: Record<string, number> = {}, least = 1) => ({
  want: count,
  least,
  resources,
});

describe("resources are shared out", () => {
  test("so that all have what they want where it is enough", () => {
    expect(fill([want(3, { cpu: 0.2 }), want(2.9, { cpu: 0.1 })], { cpu: 1 })).toEqual([3, 3]);
    expect(fill([want(7)], {})).toEqual([7]);
  });

  test("alike between what is needed at least and what is wanted, where it is not", () => {
    expect(fill([want(11, { cpu: 0.1 }), want(11, { cpu: 0.1 })], { cpu: 1.2 })).toEqual([6, 6]);
    // Who needs another resource is not held up by the one that is used up.
    const both = [want(11, { cpu: 0.1 }), want(11, { memory: 0.1 })];
    expect(fill(both, { cpu: 0.6, memory: 2 })).toEqual([6, 11]);
  });

  test("in whole numbers: what is left goes to the largest remainder that fits", () => {
    expect(fill([want(1.8, { cpu: 0.5 }), want(1.6, { cpu: 0.5 })], { cpu: 1.6 })).toEqual([2, 1]);
  });

  test("never beyond what there is, and never beyond what is wanted", () => {
    const share = double({ min: 0, max: 0.4, noNaN: true });
    const wanting = record({
      want: double({ min: 1, max: 50, noNaN: true }),
      resources: dictionary(constantFrom("cpu", "memory", "gpu"), share),
    }).map((one) => ({ ...one, least: 0 }));
    const capacity = dictionary(
      constantFrom("cpu", "memory"),
      double({ min: 0.1, max: 8, noNaN: true }),
    );
    assert(
      property(array(wanting, { maxLength: 12 }), capacity, (all, limits) => {
        const counts = fill(all, limits);
        for (const [resource, limit] of Object.entries(limits)) {
          const used = all.reduce(
            (sum, { resources }, index) => sum + counts[index]! * (resources[resource] ?? 0),
            0,
          );
          expect(used).toBeLessThanOrEqual(limit + 1e-6);
        }
        for (const [index, { want: most }] of all.entries()) {
          expect(Number.isInteger(counts[index])).toBe(true);
          expect(counts[index]).toBeLessThanOrEqual(Math.ceil(most));
        }
      }),
    );
  });
});

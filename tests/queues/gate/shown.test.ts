import { describe, expect, test } from "vitest";

import { loadCatalogue } from "../../../config/index.ts";
import { shownLimits } from "../../../queues/gate/shown.ts";
import { compileLimits } from "../../../queues/index.ts";

describe("what Bull Board shows of a tool", () => {
  const needs = { cpu: 300_000, memory: 100_000 };

  test("is what fits all machines by the largest share", () => {
    expect(shownLimits({ needs }, undefined, 1)).toEqual({ concurrency: 3 });
    expect(shownLimits({ needs }, undefined, 4)).toEqual({ concurrency: 12 });
    expect(shownLimits({ needs: { cpu: 1_000_000 } }, undefined, 1)).toEqual({ concurrency: 1 });
    expect(shownLimits({ needs: {} }, undefined, 4)).toEqual({});
  });

  test("is never more than the tool's own limit, and the tightest of its windows", () => {
    const own = {
      slots: 2,
      rates: [
        [3, 1_000],
        [100, 60_000],
      ],
    } as const;
    expect(shownLimits({ needs }, own, 4)).toEqual({
      concurrency: 2,
      rate: { max: 100, durationMs: 60_000 },
    });
  });

  test("matches the seeds on one machine: six tools run alone, one ten times", () => {
    const shown = loadCatalogue()
      .list()
      .filter(({ spec }) => spec.id.startsWith("km_"))
      .map(({ spec }) => {
        const { limits, own } = compileLimits(spec);
        return [spec.id, shownLimits(limits, own, 1)] as const;
      });
    expect(shown.filter(([, { concurrency }]) => concurrency === 1)).toHaveLength(6);
    expect(Object.fromEntries(shown)["km_list_macros"]).toMatchObject({ concurrency: 10 });
  });
});

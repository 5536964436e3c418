import { expect, test } from "vitest";

import type { Digest } from "../../../../src/optimizer/findings/digest.ts";
import type { FindingState } from "../../../../src/optimizer/findings/find.ts";
import type { Finding } from "../../../../src/optimizer/findings/finding.ts";
import { learnForecast, type ForecastState } from "../../../../src/optimizer/metrics/forecast.ts";
import { seeded } from "../../../../src/optimizer/simulation/random.ts";
import type { Room } from "../../../../src/optimizer/tuning/adjustment.ts";
import { NOTHING_TUNED, type TuningState } from "../../../../src/optimizer/tuning/state.ts";
import { tune, type Bounds } from "../../../../src/optimizer/tuning/tune.ts";

const USUAL = {
  ask: { verdict: null, row: 0, usual: { meanMs: 1_000, p99Ms: 3_000, calls: 500 } },
} satisfies FindingState["tools"];

/** Passes over a load of so many calls a second, window by window; calls take 1 s. */
function pass(
  loads: readonly number[],
  bounds: Partial<Bounds> = {},
  room: Room = { ask: { concurrency: 4, declared: 4, max: 16, isSet: false } },
  {
    findings = [],
    busy = 0,
    active,
  }: { readonly findings?: string[]; readonly busy?: number; readonly active?: number } = {},
) {
  let state: TuningState = NOTHING_TUNED;
  let forecast: ForecastState | undefined;
  const declared = room["ask"]!;
  let { concurrency } = declared;
  const found = findings.map((tool) => ({ tool, kind: "failing" }) as unknown as Finding);
  const windows: Digest[] = [];
  const told: string[] = [];
  let full = 0;
  for (const [n, perS] of loads.entries()) {
    const ended = 5 * Math.min(perS, concurrency);
    if (perS > concurrency) full++;
    forecast = learnForecast(forecast, perS);
    windows.push({
      atMs: 5_000 * (n + 1),
      ms: 5_000,
      tools: {
        ask: {
          busy,
          active: active ?? ended / 5,
          ok: ended,
          failed: 0,
          calls: ended,
          meanMs: 1_000,
        },
      },
      machines: {},
    } as unknown as Digest);
    const { made, judged, proposed, ...next } = tune(state, windows.slice(-12), found, {
      room: { ask: { ...declared, concurrency } },
      coming: { forecasts: { ask: forecast }, tools: USUAL },
      ...bounds,
    });
    ({ state } = next);
    if (made !== undefined) told.push(`${made.from} -> ${made.to}`);
    if (proposed !== undefined) told.push(`proposed ${proposed.to}`);
    if (judged !== undefined) told.push(judged.verdict);
    concurrency = state.desired["ask"] ?? declared.declared;
  }
  return { told, full, concurrency };
}

const ramp = Array.from({ length: 120 }, (_, n) => 1 + 0.1 * n);

test("a load that grows is given room before it needs it, up to the maximum", () => {
  const { told, full, concurrency } = pass(ramp);
  expect(full).toBe(0);
  expect(told.slice(0, 2)).toEqual([expect.stringMatching(/^4 -> [5-8]$/), "kept"]);
  expect(told).not.toContain("reverted");
  expect(concurrency).toBeGreaterThanOrEqual(14);
  expect(concurrency).toBeLessThanOrEqual(16);
  // Without the forecast it would have been full for two thirds of the time.
  expect(pass(ramp, { coming: undefined as never }).full).toBeGreaterThan(80);
});

test("a load that only varies is hardly ever, and one that falls never", () => {
  // Half an hour each; a raise does no harm there, but is of no use.
  const raised = Array.from({ length: 20 }, (_, at) => {
    const random = seeded(at + 1);
    return pass(Array.from({ length: 400 }, () => 3 + 0.6 * (random() + random() - 1))).told;
  }).filter((told) => told.length > 0);
  expect(raised.length).toBeLessThanOrEqual(2);
  expect(pass(ramp.toReversed()).told).toEqual([]);
});

test("nor one of a tool that something keeps, or that what comes hardly calls", () => {
  expect(pass(ramp, {}, undefined, { findings: ["ask"] }).told).toEqual([]);
  expect(pass(ramp, {}, undefined, { active: 0.1 }).told).toEqual([]);
  expect(pass(ramp, {}, undefined, { busy: 1 }).told).toEqual([]);
});

test("a dry run says what it would raise; what people have set is left alone", () => {
  expect(new Set(pass(ramp.slice(0, 35), { dryRun: true }).told.slice(-1))).toEqual(
    new Set([expect.stringMatching(/^proposed [5-8]$/)]),
  );
  const set = { ask: { concurrency: 4, declared: 4, max: 16, isSet: true } };
  expect(pass(ramp, {}, set).told).toEqual([]);
});

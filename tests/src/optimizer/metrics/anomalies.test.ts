import { expect, test } from "vitest";

import { findAnomalies, type AnomalyState } from "../../../../src/optimizer/metrics/anomalies.ts";
import { randomFrom } from "../../../support/drawn/random.ts";
import { SEED } from "../../../support/runner/seed.ts";

type Window = Parameters<typeof findAnomalies>[1][string];

const usual = (meanMs: number, failed = 0): Window => ({ calls: 20, meanMs, ended: 20, failed });

/** Lets windows of a tool pass; what was told in each. */
function pass(windows: readonly Window[]): string[] {
  let state: AnomalyState = {};
  return windows.map((window) => {
    const found = findAnomalies(state, { ask: window });
    state = JSON.parse(JSON.stringify(found.state)) as AnomalyState;
    return found.anomalies.map(({ of, z }) => `${of} ${z > 0 ? "up" : "down"}`).join(", ");
  });
}

const QUIET = Array.from({ length: 20 }, (_, n) => usual(100 + (n % 5)));

test("what is far from what it was is told, once, until it is usual again", () => {
  const told = pass([...QUIET, usual(200), usual(200), usual(102), usual(200)]);
  expect(told.slice(20)).toEqual(["response_time up", "", "", "response_time up"]);
  expect(told.slice(0, 20).join("")).toBe("");
  expect(pass([...QUIET, usual(40)]).at(-1)).toBe("response_time down");
  expect(pass([...QUIET, usual(101, 5)]).at(-1)).toBe("failure_rate up");
});

test("few windows, few calls and small differences say nothing", () => {
  expect(pass([...QUIET.slice(0, 11), usual(900)]).join("")).toBe("");
  const few = { calls: 4, meanMs: 900, ended: 4, failed: 4 };
  expect(pass([...QUIET, few]).join("")).toBe("");
  const still = Array.from({ length: 20 }, () => usual(100));
  expect(pass([...still, usual(110)]).join("")).toBe("");
});

test("a window that says nothing does not take back what is unusual", () => {
  const few = { calls: 1, meanMs: 100, ended: 1, failed: 0 };
  expect(pass([...QUIET, usual(200), few, usual(200)]).slice(20)).toEqual([
    "response_time up",
    "",
    "",
  ]);
});

test("stationary noise is told in fewer than 5 of 100 windows", () => {
  const random = randomFrom(SEED);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const noise = Array.from({ length: 2_000 }, () => usual(1_000 * Math.exp(0.2 * normal())));
  const told = pass(noise).filter((one) => one !== "").length;
  expect(told).toBeLessThan(100);
});

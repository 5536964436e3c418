import { expect, test } from "vitest";

import { troublesView } from "../../../../src/gate/limits/show.ts";

const NOW = Date.UTC(2026, 0, 1, 12);
const at = (offMs: number): string => new Date(NOW + offMs).toISOString();

test.each([
  [
    "a pause that a service asked for",
    { sinceMs: NOW - 1_000, untilMs: NOW + 4_000 },
    "cool_down",
    at(4_000),
  ],
  ["the ramp after it", { sinceMs: NOW - 9_000, untilMs: NOW - 4_000 }, "ramp", at(26_000)],
  [
    "a ramp after a breaker, before which nobody asked for a pause",
    { sinceMs: NOW - 2_000, untilMs: 0 },
    "ramp",
    at(28_000),
  ],
])("%s says until when it lasts", (_name, times, kind, until) => {
  const upstreams = new Map([["api", { ...times, allowed: 2, goal: 8 }]]);
  expect(troublesView({ nowMs: NOW, breakers: new Map(), upstreams })).toEqual([
    { kind, upstream: "api", until, allowed: 2, goal: 8 },
  ]);
});

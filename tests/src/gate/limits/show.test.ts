import { expect, test } from "vitest";

import { troubleView } from "../../../../src/gate/limits/show.ts";

const NOW = Date.UTC(2026, 0, 1, 12);
const at = (offMs: number): string => new Date(NOW + offMs).toISOString();

test.each([
  [
    "a pause that a service asked for",
    { at: NOW - 1_000, until_: NOW + 4_000 },
    "cool_down",
    at(4_000),
  ],
  ["the ramp after it", { at: NOW - 9_000, until_: NOW - 4_000 }, "ramp", at(26_000)],
  [
    "a ramp after a breaker, before which nobody asked for a pause",
    { at: NOW - 2_000, until_: 0 },
    "ramp",
    at(28_000),
  ],
])("%s says until when it lasts", (_name, times, kind, until) => {
  const text = JSON.stringify({ ...times, allowed: 2, goal: 8, row: 0 });
  expect(troubleView(NOW, "u:api", text)).toEqual({
    kind,
    upstream: "api",
    until,
    allowed: 2,
    goal: 8,
  });
});

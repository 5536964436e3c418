import { expect, test } from "vitest";

import { exitCodeFor } from "../../../src/cli/commands/service/doctor.ts";

test.each([
  [[{ id: "redis", ok: true }], 0],
  [[{ id: "bindings", ok: null }], 0],
  [[{ id: "clock", ok: false }], 1],
  [[{ id: "catalogue", ok: false }], 2],
  [
    [
      { id: "config", ok: false },
      { id: "redis", ok: false },
      { id: "node", ok: false },
    ],
    3,
  ],
] as const)("checks %j end with %i", (checks, code) => {
  expect(exitCodeFor(checks)).toBe(code);
});

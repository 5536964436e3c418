import { assert, double, integer, property, string } from "fast-check";
import { describe, expect, test } from "vitest";

import { parseCatalogue, ToolRegistry, TuttiError } from "../../../../config/index.ts";
import { bindTools } from "../../../../processors/index.ts";
import { retryAfterMs } from "../../../../processors/tools/bindings/http/retry-after.ts";
import { contextOf, thrownBy } from "./contract.ts";

const NOW = Date.UTC(2026, 10, 30, 10, 0, 0);
const HOUR_MS = 3_600_000;

describe("Retry-After", () => {
  test.each([
    ["0", 0],
    ["3", 3_000],
    [" 120 ", 120_000],
    ["0005", 5_000],
    ["99999999999999999999999999", Number.MAX_SAFE_INTEGER],
    ["Mon, 30 Nov 2026 10:00:10 GMT", 10_000],
    ["Monday, 30-Nov-26 10:00:10 GMT", 10_000],
    ["Mon Nov 30 10:00:10 2026", 10_000],
    ["Tue Dec  1 10:00:00 2026", 24 * HOUR_MS],
    ["Mon, 30 Nov 2026 10:00:60 GMT", 60_000],
  ])("%s", (header, expected) => {
    expect(retryAfterMs(header, NOW)).toBe(expected);
  });

  test.each([
    "",
    "1.5",
    "0.5",
    "-1",
    "+1",
    "1e3",
    "0x10",
    "Infinity",
    "NaN",
    "soon",
    "3, 4",
    "2026-11-30T10:00:10Z",
    "30 Nov 2026 10:00:10 GMT",
    "Mon, 30 Nov 2026 10:00:10",
    "Mon, 30 Nov 2026 10:00:10 +0100",
    "Mon, 31 Nov 2026 10:00:10 GMT",
    "Mon, 00 Dec 2026 10:00:10 GMT",
    "Mon, 30 Nov 2026 24:00:10 GMT",
    // Now, and the past.
    "Mon, 30 Nov 2026 10:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:10 GMT",
    "Monday, 30-Nov-99 10:00:10 GMT",
  ])("%j asks for nothing", (header) => {
    expect(retryAfterMs(header, NOW)).toBeUndefined();
  });

  test("whatever it says, it is a time to come or nothing", () => {
    assert(
      property(string(), (header) => {
        const asked = retryAfterMs(header, NOW);
        expect(asked === undefined || (asked >= 0 && Number.isSafeInteger(asked))).toBe(true);
      }),
      { seed: 11 },
    );
    assert(
      property(integer({ min: 1, max: 400 * 24 * 3_600 }), (seconds) => {
        const date = new Date(NOW + seconds * 1_000).toUTCString();
        expect(retryAfterMs(date, NOW)).toBe(seconds * 1_000);
      }),
      { seed: 11 },
    );
  });
});

describe("the pause that a tool asks for", () => {
  const registry = new ToolRegistry(
    parseCatalogue(
      "tutti: 1\ntools: [{ id: t, name: t, category: foundation, capabilities: [x], binding: { type: in_process } }]",
      "t.yaml",
    ),
  );
  const askedOf = async (retryAfter: unknown, more: object = {}) => {
    const fail = () => {
      throw new TuttiError("tool_unavailable", "later", { details: { retryAfterMs: retryAfter } });
    };
    const tools = bindTools({ registry, handlers: { t: fail }, ...more });
    const thrown = await thrownBy(tools.call("t", {}, contextOf()));
    expect(thrown).toMatchObject({ code: "tool_unavailable", message: "later" });
    return (thrown as TuttiError).details["retryAfterMs"];
  };

  test("is at most an hour, or what the setting says", async () => {
    expect(await askedOf(5_000)).toBe(5_000);
    expect(await askedOf(1e29)).toBe(HOUR_MS);
    expect(await askedOf(Infinity)).toBe(HOUR_MS);
    expect(await askedOf(5_000, { maxRetryAfterMs: 1_000 })).toBe(1_000);
  });

  test("is none when it is no time", async () => {
    for (const asked of [Number.NaN, -1, "5", null]) expect(await askedOf(asked)).toBeUndefined();
    const numbers = double({ min: -1e9, max: 1e9 });
    assert(
      property(numbers, (seconds) => {
        const asked = retryAfterMs(String(seconds), NOW);
        expect(asked === undefined || Number.isInteger(seconds)).toBe(true);
      }),
      { seed: 11 },
    );
  });
});

import { describe, expect } from "vitest";

import { eventually } from "../waiting/eventually.ts";
import { test } from "./redis.ts";

describe("the fixture", () => {
  const seen: string[] = [];

  test("gives a namespace", async ({ redis, prefix }) => {
    expect(prefix).toMatch(/^\{t-[0-9a-f]{12}\}$/);
    await redis.set(`${prefix}:a`, "1");
    seen.push(prefix);
  });

  test("which is another one for the next test, and is empty afterwards", async ({
    redis,
    prefix,
  }) => {
    const [before = ""] = seen;
    expect(prefix).not.toBe(before);
    expect(await redis.exists(`${before}:a`)).toBe(0);
  });
});

describe("eventually", () => {
  test("returns what the assertion returns, once it holds", async () => {
    let tries = 0;
    const result = await eventually(() => {
      tries += 1;
      expect(tries).toBeGreaterThan(2);
      return "done";
    });
    expect(result).toBe("done");
  });

  test("throws the last failure when the time is over", async () => {
    let tries = 0;
    const never = () => {
      throw new Error(`try ${++tries}`);
    };
    const failure: unknown = await eventually(never, { timeoutMs: 30 }).catch((thrown) => thrown);
    expect(tries).toBeGreaterThan(1);
    expect(failure).toEqual(new Error(`try ${tries}`));
  });
});

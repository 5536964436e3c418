import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { toolOfQueue } from "../../queues/index.ts";
import { laneOf } from "../../queues/names.ts";
import { isLane } from "../../queues/worker.ts";

describe("the name of a lane", () => {
  test.each([
    ["acme", "ask@acme-"],
    ["a/b c:d", "ask@a-b-c-d-"],
    ["", "ask@-"],
    ["a".repeat(100), `ask@${"a".repeat(20)}-`],
  ])("of %j is told by what can be read of it", (key, start) => {
    expect(laneOf("ask", key)).toMatch(/^ask@[A-Za-z0-9_-]{0,20}-[0-9a-f]{12}$/);
    expect(laneOf("ask", key).startsWith(start)).toBe(true);
  });

  test("is another for every key, and leads back to its tool", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(laneOf("mail.send", a) === laneOf("mail.send", b)).toBe(a === b);
        expect(toolOfQueue(laneOf("mail.send", a))).toBe("mail.send");
        expect(isLane(laneOf("mail.send", a))).toBe(true);
      }),
    );
    expect(toolOfQueue("mail.send")).toBe("mail.send");
    expect(isLane("mail.send")).toBe(false);
  });
});

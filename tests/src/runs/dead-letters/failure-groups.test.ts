import { expect, test } from "vitest";

import {
  groupFailures,
  normalizeMessage,
} from "../../../../src/runs/dead-letters/failure-groups.ts";
import type { DeadLetterSummary } from "../../../../src/runs/dead-letters/letters.ts";

const letter = (
  runId: string,
  tool: string,
  message: string | null,
  second: number,
): DeadLetterSummary => ({
  runId,
  step: "s",
  workflowId: "w",
  tool,
  tenant: "t",
  error: message === null ? null : { code: "tool_failed", message },
  attempts: 1,
  failedAt: new Date(second * 1_000).toISOString(),
});

test.each([
  ["order 4711 took 3.5 s", "order # took # s"],
  ['no user "ada" in\n "core"', 'no user "..." in "..."'],
  ["GET https://x.test/a?b=1 failed", "GET <url> failed"],
  ["job 0d9f7a6e-1111-4222-8333-944445555666 is gone", "job <id> is gone"],
  ["commit 9c3f2ab1d of deadbeef", "commit <id> of deadbeef"],
])("%s is %s", (message, normal) => {
  expect(normalizeMessage(message)).toBe(normal);
});

test("failures that are alike are one group, the largest first, with the newest as example", () => {
  const groups = groupFailures([
    letter("a", "ask", "order 1 is late", 1),
    letter("b", "ask", "order 22 is late", 3),
    letter("b", "ask", "order 3 is late", 2),
    letter("c", "tell", "order 4 is late", 9),
    letter("d", "ask", null, 4),
  ]);
  expect(groups).toEqual([
    {
      tool: "ask",
      code: "tool_failed",
      message: "order # is late",
      count: 3,
      runs: 2,
      firstAt: "1970-01-01T00:00:01.000Z",
      lastAt: "1970-01-01T00:00:03.000Z",
      example: { runId: "b", step: "s", message: "order 22 is late" },
    },
    expect.objectContaining({ tool: "tell", count: 1 }),
    expect.objectContaining({ tool: "ask", code: "unknown", message: "", count: 1 }),
  ]);
  expect(groupFailures([])).toEqual([]);
});

import { expect } from "vitest";

import { parseCatalogue, ToolRegistry } from "../../../config/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { eventually } from "../../support/waiting/eventually.ts";

test("a queue of BullMQ has the tightest window of its tool, and loses it with the tool's limits", async ({
  orchestra: { queues, work },
}) => {
  const serve = (limits: string) =>
    work(
      { probe: () => null },
      {
        registry: new ToolRegistry(
          parseCatalogue(
            `{ tutti: 1, tools: [{ id: probe, name: P, category: foundation, capabilities: [x], limits: ${limits}, binding: { type: in_process } }] }`,
            "t",
          ),
        ),
      },
    );
  const queue = queues.get("probe");
  const first = await serve(
    "{ concurrency: 4, rate: [{ max: 3, durationMs: 1000 }, { max: 100, durationMs: 60000 }] }",
  );
  expect(await queue.getGlobalRateLimit()).toEqual({ max: 100, duration: 60_000 });
  expect(await queue.getGlobalConcurrency()).toBe(4);
  await serve("{}");
  // Of living workers the strictest holds.
  expect(await queue.getGlobalConcurrency()).toBe(4);
  await first.close();
  await eventually(async () => {
    expect(await queue.getGlobalRateLimit()).toBeNull();
    expect(await queue.getGlobalConcurrency()).toBeNull();
  });
});

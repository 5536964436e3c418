import { expect, test } from "vitest";

import { TuttiError } from "../../../../config/index.ts";
import type { RunEvents } from "../../../../queues/client.ts";
import type { RunState } from "../../../../queues/index.ts";
import type { RunView } from "../../../../src/runs/view/run-view.ts";
import { RunWatch } from "../../../../src/runs/view/watch.ts";

/** Pub/sub of which every message is lost. */
const deaf = { listen: () => Promise.resolve(() => Promise.resolve()) } as unknown as RunEvents;
const LOOK_MS = 5;
const takeOvers = () => Promise.resolve([]);
const undoTool = () => Promise.resolve(undefined);

test("a run that ended is noticed although every event was lost", async () => {
  const states: RunState[] = ["running", "running", "completed"];
  let reads = 0;
  const read = () => Promise.resolve({ state: states[reads++], steps: {} } as unknown as RunView);
  const watch = new RunWatch(deaf, "r", { run: read, takeOvers, undoTool }, undefined, LOOK_MS);
  const seen: unknown[] = [];
  for await (const event of watch) seen.push(event);
  expect(seen).toEqual([
    { type: "snapshot", run: { state: "running", steps: {} } },
    { type: "snapshot", run: { state: "completed", steps: {} } },
  ]);
  expect(reads).toBe(3);
});

test("a run that is gone is noticed too", async () => {
  let reads = 0;
  const read = () => {
    if (reads++ === 0)
      return Promise.resolve({ state: "running", steps: {} } as unknown as RunView);
    return Promise.reject(new TuttiError("run_not_found", "there is no run r"));
  };
  const watch = new RunWatch(deaf, "r", { run: read, takeOvers, undoTool }, undefined, LOOK_MS);
  await expect(
    (async () => {
      for await (const event of watch) void event;
    })(),
  ).rejects.toMatchObject({ code: "run_not_found" });
});

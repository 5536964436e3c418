import { expect, test } from "vitest";

import { UsageLog } from "../../../processors/gate/usage-log.ts";
import type { UsageReading } from "../../../processors/index.ts";

const NOTHING = { cpu: null, memory: null, network: null, storage: null };
const at = (cpu: number, waited: number | null, windowMs = 1_000): UsageReading => ({
  windowMs,
  usage: { ...NOTHING, cpu, memory: cpu / 2 },
  pressure: { ...NOTHING, cpu: waited },
});

/** Looks at a machine, one a second. */
async function looked(readings: readonly (UsageReading | null)[]) {
  let nowMs = 0;
  const left = [...readings];
  const log = new UsageLog({ read: () => Promise.resolve(left.shift() ?? null) }, () => nowMs);
  for (const _ of readings) {
    nowMs += 1_000;
    await log.look(nowMs);
  }
  return { log, nowMs };
}

test.each([
  { name: "idle", reading: at(0.4, 0), full: false },
  { name: "well used, and nothing waits", reading: at(0.97, 0.02), full: false },
  { name: "used up, and work waits", reading: at(0.99, 0.4), full: true },
  { name: "used up, where nobody knows whether work waits", reading: at(0.99, null), full: true },
  { name: "busy, and work waits a little", reading: at(0.85, 0.15), full: false },
])("a machine that is $name: full $full", async ({ reading, full }) => {
  const { log } = await looked([reading]);
  expect(log.wasFull(200, 800)).toBe(full);
});

test("a call is slow because of its machine when that was full for a fifth of its time", async () => {
  const { log, nowMs } = await looked([at(0.2, 0), at(0.99, 0.5), at(0.2, 0), at(0.2, 0)]);
  expect(log.wasFull(0, 900)).toBe(false);
  expect(log.wasFull(900, 1_200)).toBe(true);
  expect(log.wasFull(0, 4_000)).toBe(true);
  expect(log.wasFull(1_900, nowMs)).toBe(false);
  // Nobody has looked since: it is as it was.
  const { log: full } = await looked([at(0.2, 0), at(0.99, 0.5)]);
  expect(full.wasFull(2_100, 2_150)).toBe(true);
  expect((await looked([null])).log.wasFull(0, 500)).toBe(false);
});

test("who asks for the use since the last time gets the mean of all looks, memory as it is now", async () => {
  const { log, nowMs } = await looked([at(0.2, 0.1), at(0.6, null, 3_000)]);
  const reading = await log.read(nowMs);
  expect(reading).toMatchObject({ windowMs: 4_000, usage: { memory: 0.3, network: null } });
  expect(reading?.usage.cpu).toBeCloseTo(0.5);
  expect(reading?.pressure.cpu).toBeNull();
  expect(await log.read(nowMs)).toBeNull();
});

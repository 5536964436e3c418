import { expect } from "vitest";

import { type Sample } from "../../../queues/client.ts";
import { Durations, Gate, Presence, Samples } from "../../../queues/index.ts";
import { test } from "../../support/gate/gatehouse.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const sum = (samples: readonly Sample[], of: (sample: Sample) => number): number =>
  samples.reduce((all, sample) => all + of(sample), 0);

test("samples say what came, what waited and why, and what was done, on which machine", async ({
  gatehouse: { gate, keys, tutti, work, submit },
  redis,
}) => {
  const turnstile = new Turnstile();
  await work({
    solo: async (_, { runId, signal }) => turnstile.pass(runId, signal).then(() => null),
    plain: () => {
      throw new Error("no");
    },
  });
  const samples = new Samples(redis, keys, { gate, presence: new Presence(redis, keys) });
  const all = async (): Promise<Sample[]> =>
    (await samples.after(null, 1_000)).map(({ sample }) => sample);
  await eventually(async () => expect(await all()).not.toHaveLength(0));
  const fromMs = performance.now();
  for (const run of ["a", "b", "c"]) await submit(run, "solo");
  await turnstile.holds(1);
  const firstMs = performance.now() - fromMs;
  // One runs and two wait for the only slot.
  await eventually(async () => {
    const { solo } = (await all()).at(-1)?.tools ?? {};
    expect(solo).toMatchObject({ waiting: 2, active: 1, places: { m1: { active: 1 } } });
    expect(solo!.places["m1"]!.oldestMs).toBeGreaterThan(500);
    expect(solo!.blockedMs["slots:tool:solo"]).toBeGreaterThan(500);
  });
  turnstile.open();
  for (const run of ["a", "b", "c"]) await tutti.result(run, { timeoutMs: 20_000 });
  const { runId } = await tutti.submit({
    tutti: 1,
    id: "bad",
    steps: [{ id: "s", tool: "plain", retry: { maxAttempts: 1 } }],
  });
  await tutti.result(runId, { timeoutMs: 20_000 });
  const seen = await eventually(async () => {
    const now = await all();
    expect(sum(now, ({ tools }) => tools["plain"]?.failed ?? 0)).toBe(1);
    expect(sum(now, ({ tools }) => tools["solo"]?.ok ?? 0)).toBe(3);
    return now;
  });
  expect(sum(seen, ({ tools }) => tools["solo"]?.arrivals ?? 0)).toBe(3);
  // All three were asked the same.
  expect(sum(seen, ({ tools }) => tools["solo"]?.checked ?? 0)).toBe(3);
  expect(sum(seen, ({ tools }) => tools["solo"]?.repeated ?? 0)).toBe(2);
  const waits = Durations.sum(seen.map(({ tools }) => tools["solo"]?.wait));
  expect(waits.count).toBe(3);
  expect(waits.percentileMs(100)).toBeGreaterThan(500);
  // The first waited no longer than until it came, which the test has seen; its buckets are rough.
  expect(waits.percentileMs(1)).toBeLessThanOrEqual(1.1 * firstMs + 1);
  expect(Durations.sum(seen.map(({ tools }) => tools["solo"]?.service)).count).toBe(3);
  expect(seen.at(-1)?.machines["m1"]?.believed).toBeDefined();
});

test("runs are counted when they are admitted, at once or out of the line, by their definition", async ({
  gatehouse: { gate, keys, tutti, work },
  redis,
}) => {
  await work({ plain: () => null });
  const samples = new Samples(redis, keys, { gate, presence: new Presence(redis, keys) });
  const all = async (): Promise<Sample[]> =>
    (await samples.after(null, 1_000)).map(({ sample }) => sample);
  await eventually(async () => expect(await all()).not.toHaveLength(0));
  const plan = tutti.prepare({ tutti: 1, id: "w", steps: [{ id: "s", tool: "plain" }] });
  // More than the ten that a tenant has at work at once.
  const runs = await Promise.all(Array.from({ length: 15 }, () => tutti.submit(plan)));
  for (const { runId } of runs) await tutti.result(runId, { timeoutMs: 20_000 });
  await eventually(async () => {
    const counted = sum(await all(), ({ admitted }) => admitted[plan.workflow.hash] ?? 0);
    expect(counted).toBe(15);
  });
});

test("one process samples; when it leaves another one does", async ({
  gatehouse: { gate, keys, work },
  redis,
}) => {
  const workers = [await work({ solo: () => null }), await work({ plain: () => null })];
  const leader = (): Promise<string> =>
    eventually(async () => {
      const id = await redis.get(keys.sampler);
      if (id === null) throw new Error("nobody leads");
      return id;
    });
  const samples = new Samples(redis, keys, { gate, presence: new Presence(redis, keys) });
  const first = await eventually(async () => {
    const id = await leader();
    expect(workers.map((worker) => worker.id)).toContain(id);
    expect(await samples.take("somebody else")).toBeNull();
    // One that stands still loses its place, which is right.
    expect(await leader()).toBe(id);
    return id;
  });
  await workers.find(({ id }) => id === first)!.close();
  await eventually(async () => expect([first, "somebody else"]).not.toContain(await leader()));
  await eventually(async () => expect((await samples.after(null, 10)).length).toBeGreaterThan(1));
});

test("there are never more than a thousand; then the older half goes", async ({
  gatehouse: { keys },
  redis,
}) => {
  let now = 1_000_000;
  const samples = new Samples(redis, keys, {
    gate: new Gate(redis, keys, () => (now += 1_000)),
    presence: new Presence(redis, keys),
  });
  for (let n = 0; n < 1_002; n++) await samples.take("me");
  expect(await redis.xlen(keys.samples)).toBe(500);
  await samples.take("me");
  const kept = await samples.after(null, 1_000);
  expect(kept.at(-1)!.sample.atMs).toBe(now);
  expect(kept).toHaveLength(501);
});

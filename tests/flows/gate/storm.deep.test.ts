import { loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

import { expect } from "vitest";

import { apiTool, GateFleet } from "../../support/gate/gate-fleet.ts";
import { test } from "../../support/runner/redis.ts";
import { FakeApi } from "../../support/servers/fake-api.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const SLOTS = 8;
const SERVICE_MS = 100;
const STORM_MS = 30_000;
const RETRY_AFTER_S = 5;
/** The ramp must be over by then. Milliseconds. */
const RAMP_MS = 30_000;
const CALM_MS = 5_000;
/** Runs that wait all the time. */
const BACKLOG = 60;

/** Two tools of one service: what one is told holds for the other. */
const CATALOGUE = [
  "tutti: 1",
  "budgets:",
  `  calls: { slots: ${SLOTS} }`,
  "tools:",
  apiTool("ask", "budgets: { calls: 1 }, upstream: api"),
  apiTool("tell", "budgets: { calls: 1 }, upstream: api"),
].join("\n");

test("a storm of 429 with Retry-After 5 s for 30 s: one probe an interval, no attempt used, and back to full speed without a herd", async ({
  redisUrl,
  redis,
  prefix,
}) => {
  await using api = await FakeApi.open({ serviceMs: SERVICE_MS });
  await using fleet = await GateFleet.start(4, { redisUrl, redis, prefix }, CATALOGUE, api);
  fleet.prepare("ask", "ask");
  fleet.prepare("tell", "tell");
  const between = (fromMs: number, toMs: number) =>
    api.calls.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const keepBusy = async (untilMs: number) => {
    for (; api.now() < untilMs; await pause(100)) {
      if ((await fleet.open()) >= BACKLOG) continue;
      await fleet.submit("ask", BACKLOG / 4);
      await fleet.submit("tell", BACKLOG / 4);
    }
  };
  await keepBusy(api.now() + 2_000);
  const calmMs = api.now();
  await keepBusy(calmMs + CALM_MS);
  const stormMs = api.now();
  const perSecond = (between(calmMs, stormMs).length * 1_000) / (stormMs - calmMs);
  api.refuse(STORM_MS, RETRY_AFTER_S);
  const overMs = stormMs + STORM_MS;
  await keepBusy(overMs + RETRY_AFTER_S * 1_000 + RAMP_MS);
  const endMs = api.now();
  const refused = api.calls.filter(({ status }) => status === 429);
  // Whoever was let in before the first refusal had been heard belongs to those in flight.
  const inFlight = refused.filter(({ atMs }) => atMs < refused[0]!.atMs + 1_000).length;
  const probes = refused.length - inFlight;
  const after = between(overMs, endMs);
  const firstMs = after[0]!.atMs;
  // Each answer lets one more in than before, so that at most twice as many call in each service time.
  const waves = [1, 2, 3, 4].map(
    (wave) => after.filter(({ atMs }) => atMs < firstMs + wave * SERVICE_MS).length,
  );
  const fullMs = after.find(
    ({ atMs }) => between(atMs, atMs + 1_000).length >= 0.9 * perSecond,
  )?.atMs;
  const report = {
    perSecond: Math.round(perSecond),
    inFlight,
    probes,
    reopenedAfterMs: Math.round(firstMs - overMs),
    waves,
    fullAfterMs: fullMs === undefined ? null : Math.round(fullMs - firstMs),
    load: loadavg()[0],
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  await eventually(async () => expect(await fleet.open()).toBe(0), { timeoutMs: 30_000 });
  expect(inFlight).toBeLessThanOrEqual(SLOTS);
  expect(probes).toBeLessThanOrEqual(STORM_MS / (RETRY_AFTER_S * 1_000));
  expect(firstMs - overMs).toBeLessThanOrEqual(RETRY_AFTER_S * 1_000 + 1_500);
  for (const [wave, calls] of waves.entries())
    expect(calls).toBeLessThanOrEqual(2 ** (wave + 1) - 1);
  expect(report.fullAfterMs).not.toBeNull();
  expect(report.fullAfterMs!).toBeLessThanOrEqual(RAMP_MS);
  // Steps have one attempt here: a refusal that used it would have failed them.
  for (const { state, steps } of await fleet.views()) {
    expect(state).toBe("completed");
    expect(steps["call"]?.attempts).toBe(1);
  }
  expect(fleet.accidents).toEqual([]);
});

import { expect, test } from "vitest";

import { eventually } from "../waiting/eventually.ts";
import { FakeApi } from "./fake-api.ts";

test("what comes is written down, with what it costs and what it was told", async () => {
  await using api = await FakeApi.open();
  const since = api.now();
  await fetch(`${api.url}/ask?units=10`);
  await fetch(`${api.url}/ask`);
  expect(api.calls).toMatchObject([
    { path: "/ask", units: 10, status: 200, inFlight: 1 },
    { path: "/ask", units: 1, status: 200, inFlight: 1 },
  ]);
  expect(api.calls[0]!.atMs).toBeGreaterThan(since);
  expect(api.calls[1]!.atMs).toBeGreaterThan(api.calls[0]!.atMs);
});

test("it is full for a time and says when to come again", async () => {
  await using api = await FakeApi.open();
  api.refuse(60_000, 5);
  const refused = await fetch(api.url);
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("5");
  api.refuse(0, 5);
  expect((await fetch(api.url)).status).toBe(200);
});

test("it is ill in three ways", async () => {
  await using api = await FakeApi.open();
  api.outage = "unavailable";
  expect((await fetch(api.url)).status).toBe(503);
  api.outage = "reset";
  await expect(fetch(api.url)).rejects.toThrow("fetch failed");
  api.outage = "silent";
  const leave = new AbortController();
  const unanswered = fetch(api.url, { signal: leave.signal });
  await eventually(() => expect(api.calls).toHaveLength(3));
  leave.abort(new Error("nobody answers"));
  await expect(unanswered).rejects.toThrow("nobody answers");
  api.outage = undefined;
  expect((await fetch(api.url)).status).toBe(200);
  expect(api.calls.map(({ status }) => status)).toEqual([503, 0, 0, 200]);
});

test("beyond its knee calls share it", async () => {
  await using api = await FakeApi.open({ serviceMs: 40, knee: 2 });
  const timed = async (calls: number) => {
    const since = performance.now();
    await Promise.all(Array.from({ length: calls }, () => fetch(api.url)));
    return performance.now() - since;
  };
  // Lower bounds only: a busy machine may be slower, no machine is faster than the service.
  expect(await timed(2)).toBeGreaterThanOrEqual(38);
  expect(await timed(8)).toBeGreaterThanOrEqual(155);
});

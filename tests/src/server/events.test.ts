import { once } from "node:events";
import type { AddressInfo } from "node:net";

import express from "express";
import { expect, onTestFinished, test } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import type { RunEvent } from "../../../src/runs/view/watch.ts";
import { sendEvents } from "../../../src/server/http/events.ts";
import { correlate } from "../../../src/server/http/guard.ts";

const running: RunEvent = { type: "run", runId: "a", state: "running" };

/** Serves these events on a port of its own. */
const serve = async (
  events: () => AsyncIterable<RunEvent>,
  signal = new AbortController().signal,
) => {
  const app = express().use(correlate);
  app.get("/", (request, response) => sendEvents(request, response, events(), signal));
  const server = app.listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

test("an error in the middle of a stream is its last event", async () => {
  const url = await serve(async function* events() {
    yield running;
    throw new TuttiError("redis_unavailable", "Redis is away");
  });
  const text = await (await fetch(url)).text();
  expect(text.match(/^event:\w+/gm)).toEqual(["event:run", "event:error"]);
  expect(text).toContain('"code":"redis_unavailable"');
});

test("an error before the first event is an answer, not a stream", async () => {
  const url = await serve(async function* events() {
    yield* [] as RunEvent[];
    throw new TuttiError("run_not_found", "there is no run");
  });
  const response = await fetch(url);
  expect(response.headers.get("content-type")).not.toContain("text/event-stream");
  expect(response.status).toBe(404);
});

test("a reader that does not read stops the writer", async () => {
  let written = 0;
  const error = { code: "x", message: "y".repeat(100_000) };
  const step = { state: "failed", attempts: 1, startedAt: null, finishedAt: null, error } as const;
  const leave = new AbortController();
  const url = await serve(async function* events() {
    for (; written < 1_000; written++) yield { type: "step", runId: "a", stepId: "s", step };
  }, leave.signal);
  const response = await fetch(url);
  const reader = response.body?.getReader();
  await reader?.read();
  // A hundred megabytes cannot be in flight; how much can be is the operating system's business.
  expect(written).toBeLessThan(900);
  leave.abort();
  await reader?.cancel();
});

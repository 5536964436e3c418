import { createServer, type Socket } from "node:net";

import { expect } from "vitest";

import { Tutti } from "../../../src/index.ts";
import { startWorker } from "../../../src/worker.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const echo = { tutti: 1 as const, id: "echo", steps: [{ id: "a", tool: "core.echo" }] };

test("a worker keeps as many ended runs as it is told", async ({ orchestra: { tutti, work } }) => {
  await work({}, { retainRuns: 1 });
  for (let run = 0; run < 3; run++) {
    const { runId } = await tutti.submit(echo);
    await tutti.result(runId, { timeoutMs: 20_000 });
  }
  const newest = (await tutti.list())[0]?.runId;
  const duties = tutti.queues.find(({ name }) => name === "tutti.duty");
  await duties?.add("retention", {});
  await eventually(async () => {
    expect((await tutti.list()).map(({ runId }) => runId)).toEqual([newest]);
  });
});

test("a client gives up on a Redis that does not answer after its deadline", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => {
    silent.listen(0, "127.0.0.1", resolve);
  });
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const tutti = new Tutti({ redisUrl: `redis://127.0.0.1:${port}`, redisDeadlineMs: 200 });
  await expect(tutti.submit(echo)).rejects.toMatchObject({ code: "redis_unavailable" });
  for (const socket of sockets) socket.destroy();
  await tutti.close();
  silent.close();
});

test("who gets a prefix that does not do is told", async ({ redisUrl }) => {
  const options = { redisUrl, prefix: "{a}.run:b" };
  const wrong = { code: "config_invalid" };
  expect(() => new Tutti(options)).toThrow(expect.objectContaining(wrong));
  await expect(startWorker(options)).rejects.toMatchObject(wrong);
  // After the file it is seen whether a connection was left.
});

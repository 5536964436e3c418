import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

import { expect } from "vitest";

import { openImpatient, withinDeadline } from "../../../queues/connection/index.ts";
import { randomFrom } from "../../support/drawn/random.ts";
import { test } from "../../support/runner/redis.ts";
import { FaultProxy } from "../../support/servers/fault-proxy.ts";

/** Longer than the deadline of these tests. Milliseconds. */
const DEADLINE_MS = 300;

function hold(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test("an answer that lies in the socket of a busy process is in time", async ({ redisUrl }) => {
  const redis = openImpatient(redisUrl);
  try {
    await redis.ping();
    for (let round = 0; round < 5; round++) {
      const asked = withinDeadline(redis.ping(), redis, DEADLINE_MS);
      await new Promise(setImmediate);
      hold(3 * DEADLINE_MS);
      expect(await asked).toBe("PONG");
    }
  } finally {
    redis.disconnect();
  }
});

test("every answer begins the time anew: large work is no silence", async ({ redisUrl }) => {
  await using proxy = await FaultProxy.open(redisUrl, randomFrom(1));
  const redis = openImpatient(proxy.url);
  try {
    await redis.ping();
    const work = async () => {
      for (let turn = 0; turn < 8; turn++) {
        proxy.stall(undefined, DEADLINE_MS / 2);
        await redis.ping();
      }
      return "done";
    };
    const since = performance.now();
    expect(await withinDeadline(work(), redis, DEADLINE_MS)).toBe("done");
    expect(performance.now() - since).toBeGreaterThan(DEADLINE_MS);
  } finally {
    redis.disconnect();
  }
});

test("a Redis that says nothing is unavailable, and the message names the setting", async ({
  redisUrl,
}) => {
  await using proxy = await FaultProxy.open(redisUrl, randomFrom(1));
  const redis = openImpatient(proxy.url);
  try {
    await redis.ping();
    proxy.stall(undefined, 60_000);
    await expect(withinDeadline(redis.ping(), redis, DEADLINE_MS)).rejects.toMatchObject({
      code: "redis_unavailable",
      message: expect.stringMatching(/300 ms.*redisDeadlineMs.*TUTTI_REDIS_DEADLINE_MS/) as string,
    });
  } finally {
    redis.disconnect();
  }
});

test("a Redis that only says that it loads its data is silent", async () => {
  const sockets: Socket[] = [];
  const info = "loading:1\r\nloading_eta_seconds:1\r\n";
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("data", (data) => {
      for (const [, command = ""] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g))
        socket.write(
          command.toUpperCase() === "INFO" ? `$${info.length}\r\n${info}\r\n` : "+OK\r\n",
        );
    });
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const redis = openImpatient(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`);
  try {
    await expect(withinDeadline(redis.ping(), redis, DEADLINE_MS)).rejects.toMatchObject({
      code: "redis_unavailable",
    });
  } finally {
    redis.disconnect();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

import { Redis } from "ioredis";
import { pino } from "pino";
import { describe, expect, inject, test } from "vitest";

import type { ToolHandler } from "../../../processors/index.ts";
import { dial } from "../../../queues/connection/dial.ts";
import { startServer } from "../../../src/server/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker } from "../../../src/worker.ts";
import { OwnRedis } from "../../support/servers/own-redis.ts";
import { canEncrypt, cluster, encrypted, sentinels } from "../../support/servers/redis-fleet.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const log = pino({ level: "silent" });
const WAIT = { timeoutMs: 60_000 };
const document = {
  tutti: 1,
  id: "wf",
  steps: [
    { id: "a", tool: "core.echo", with: { n: 1 } },
    {
      id: "b",
      tool: "core.echo",
      needs: ["a"],
      forEach: "${{ [1, 2, 3] }}",
      with: { n: "${{ item }}" },
    },
    { id: "wait", waitMs: 20, needs: ["a"] },
    { id: "end", tool: "core.echo", needs: ["b", "wait"], with: { n: 3 } },
  ],
};

/** A client, a worker and a server on one address. */
async function deployment(redisUrl: string, held = "") {
  const turnstile = new Turnstile();
  const calls: string[] = [];
  const echo: ToolHandler = async (input, { runId, stepId, signal }) => {
    calls.push(`${runId} ${stepId}`);
    if (runId === held) await turnstile.pass(stepId, signal);
    return input;
  };
  const tutti = new Tutti({ redisUrl });
  const worker = await startWorker({
    redisUrl,
    log,
    tools: ["core.echo"],
    handlers: { "core.echo": echo },
  });
  const server = await startServer({
    tutti,
    registry: tutti.registry,
    config: { host: "127.0.0.1", port: 0 },
  });
  return {
    tutti,
    calls,
    turnstile,
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server.close();
      await worker.close();
      await tutti.close();
    },
  };
}

/** Runs by itself, by a schedule and stopped; nothing of it differs from any other Redis. */
async function works({ tutti, url }: Awaited<ReturnType<typeof deployment>>) {
  const { runId } = await tutti.submit(document);
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  await tutti.workflows.add(document);
  await tutti.schedules.add({ id: "s", workflowId: "wf", everyMs: 200 });
  await eventually(async () => {
    expect((await tutti.schedules.show("s")).counts.started).toBeGreaterThan(0);
  });
  await tutti.schedules.remove("s");
  const waits = { tutti: 1, id: "waits", steps: [{ id: "ok", approval: "Go?" }] };
  await tutti.submit(waits, { runId: "stopped" });
  await tutti.cancel("stopped");
  expect((await tutti.result("stopped", WAIT)).state).toBe("cancelled");
  const ready = (await (await fetch(`${url}/ready`)).json()) as object;
  expect(ready).toEqual({ status: "ready", reasons: [], workers: 1 });
}

describe.runIf(inject("canEmbed"))("a Redis is reached", () => {
  test("through sentinels, and goes on with another master", { timeout: 180_000 }, async () => {
    await using fleet = await sentinels();
    await using all = await deployment(fleet.url, "held");
    await works(all);
    const { tutti, turnstile, calls } = all;
    await tutti.submit(document, { runId: "held" });
    await turnstile.holds(1);
    // What the replica has is not lost.
    const master = new Redis(fleet.master.url);
    expect(await master.call("WAIT", "1", "10000")).toBe(1);
    master.disconnect();
    await fleet.master.stop();
    turnstile.open();
    await eventually(() => tutti.submit(document, { runId: "after" }), { timeoutMs: 60_000 });
    expect((await tutti.result("after", WAIT)).state).toBe("completed");
    expect((await tutti.result("held", WAIT)).state).toBe("completed");
    expect(calls.filter((call) => call === "held a")).toHaveLength(1);
    expect(await fleet.admin.info("replication")).toContain("role:master");
  });

  test("through sentinels, whatever a connection was doing in the failover", async () => {
    await using fleet = await sentinels();
    // They wait, ask the sentinel or connect when it tells of the new master: each has a rhythm of its own.
    const all = Array.from({ length: 20 }, (_, index) =>
      dial(fleet.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 + 10 * index }),
    );
    for (const redis of all) redis.on("error", () => {});
    await Promise.all(all.map((redis) => redis.ping()));
    await fleet.master.stop();
    await Promise.all(all.map((redis) => redis.set("{tutti}.x", "1")));
    // It may tell of the new master once more when they are there already.
    await eventually(() => expect(all.map(({ status }) => status)).toEqual(all.map(() => "ready")));
    // One that is closed meanwhile stays closed.
    await fleet.replica.stop();
    await eventually(() => expect(all.every(({ status }) => status !== "ready")).toBe(true));
    for (const redis of all) redis.disconnect();
    // One that waits to connect again has no timer any more.
    const isClosed = (redis: Redis) =>
      redis.status === "end" ||
      (redis.status === "reconnecting" && Reflect.get(redis, "reconnectTimeout") === null);
    await eventually(() => expect(all.filter((redis) => !isClosed(redis))).toEqual([]));
  });

  test("as a cluster, by the address of any node", { timeout: 120_000 }, async () => {
    await using fleet = await cluster();
    for (const url of [fleet.url, fleet.other]) {
      await using all = await deployment(url);
      await works(all);
      // For the next one.
      for (const admin of fleet.admins) await admin.flushall();
    }
  });

  test.runIf(canEncrypt)("with TLS and an authority of its own", { timeout: 120_000 }, async () => {
    await using fleet = await encrypted();
    await using all = await deployment(fleet.url);
    await works(all);
    await using doubtful = new Tutti({ redisUrl: fleet.unknown, redisDeadlineMs: 500 });
    await expect(doubtful.ping()).rejects.toMatchObject({ code: "redis_unavailable" });
  });

  test(
    "with a user, a database, and without commands that managed servers forbid",
    {
      timeout: 120_000,
    },
    async () => {
      await using server = await OwnRedis.open();
      const admin = new Redis(server.url);
      const forbidden = ["config", "debug", "shutdown", "keys", "flushall", "flushdb", "monitor"];
      await admin.call(
        ...(["ACL", "SETUSER", "ann", "on", ">p@ss", "~*", "&*", "+@all"] as const),
        ...forbidden.map((command) => `-${command}`),
        "-script|flush",
        "-script|kill",
      );
      const url = `redis://ann:p%40ss@127.0.0.1:${server.port}/3`;
      await using all = await deployment(url);
      await works(all);
      expect(await admin.dbsize()).toBe(0);
      admin.disconnect();
      await using wrong = new Tutti({ redisUrl: url.replace("p%40ss", "x"), redisDeadlineMs: 500 });
      await expect(wrong.ping()).rejects.toThrow("WRONGPASS");
    },
  );
});

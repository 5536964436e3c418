import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, inject, onTestFinished, test } from "vitest";

import { loadConfig, TuttiError, type Config } from "../../config/index.ts";
import { openRedis } from "../../queues/embedded-redis/index.ts";
import {
  CHECKS,
  doctor,
  MAX_CLOCK_SKEW_MS,
  MIN_NODE_VERSION,
  type Check,
  type DoctorOptions,
} from "../../src/doctor.ts";
import { makeHome } from "../support/runner/redis-server.ts";

const CATALOGUE = () => ({ tools: [{ id: "git.log", bound: true }] });

function configOf(more: Partial<Config> = {}): Config {
  const home = makeHome();
  onTestFinished(() => rmSync(home, { recursive: true }));
  const { redisUrl: _, ...config } = loadConfig(undefined, { home });
  return { ...config, ...more };
}

/** The checks by id, of a configuration that differs from a good one. */
async function examine(
  load: Config | (() => Config),
  options: Partial<DoctorOptions> = {},
): Promise<Record<string, Check>> {
  const checks = await doctor(typeof load === "function" ? load : () => load, {
    catalogue: CATALOGUE,
    ...options,
  });
  expect(checks.map(({ id }) => id)).toEqual(CHECKS);
  return Object.fromEntries(checks.map((check) => [check.id, check]));
}

/** Something that speaks enough of the protocol to say that it is an old Redis. */
async function oldRedis(): Promise<string> {
  const info = "redis_version:5.0.7\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n";
  const server = createServer((socket) => {
    socket.on("data", (data) => {
      for (const [, command = ""] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const now = `${Math.floor(Date.now() / 1_000)}`;
        const answers: Record<string, string> = {
          INFO: `$${info.length}\r\n${info}\r\n`,
          TIME: `*2\r\n$${now.length}\r\n${now}\r\n$1\r\n0\r\n`,
          HELLO: "-ERR unknown command\r\n",
        };
        socket.write(answers[command.toUpperCase()] ?? "+OK\r\n");
      }
    });
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.skipIf(!inject("canEmbed"))("with a server of our own", () => {
  test("all is well", async () => {
    const checks = Object.values(await examine(configOf()));
    expect(checks.filter(({ ok }) => ok !== true)).toEqual([]);
    expect(checks.filter(({ fix }) => fix !== undefined)).toEqual([]);
  });

  test("a Redis that evicts keys and forgets them", async () => {
    await using redis = await openRedis(configOf());
    const { Redis } = await import("ioredis");
    const client = new Redis(redis.url);
    await client.config("SET", "maxmemory-policy", "allkeys-lru");
    await client.config("SET", "appendonly", "no");
    await client.quit();
    const checks = await examine(configOf({ redisUrl: redis.url }));
    expect(checks).toMatchObject({
      redis: { ok: true },
      redis_eviction: { ok: false, fix: expect.stringContaining("noeviction") },
      redis_persistence: { ok: null, fix: expect.stringContaining("appendonly yes") },
    });
  });

  test.each([-4 * MAX_CLOCK_SKEW_MS, 4 * MAX_CLOCK_SKEW_MS])(
    "a clock that differs by %d ms",
    async (skewMs) => {
      const { clock } = await examine(configOf(), { now: () => Date.now() - skewMs });
      expect(clock).toMatchObject({ ok: false, fix: expect.stringContaining("NTP") });
      expect(clock?.detail).toMatch(skewMs > 0 ? / \d{4} ms/ : / -\d{4} ms/);
    },
  );
});

test("an old Node", async () => {
  const { node } = await examine(configOf(), { nodeVersion: "18.20.1" });
  expect(node).toMatchObject({
    ok: false,
    detail: "Node 18.20.1",
    fix: expect.stringContaining(MIN_NODE_VERSION),
  });
});

test("a wrong configuration: everything that is wrong, and the rest is unknown", async () => {
  const checks = await examine(() => loadConfig({ PORT: "x", TUTTI_PREFIX: "x" }));
  expect(checks["config"]).toMatchObject({ ok: false });
  expect(checks["config"]?.detail).toContain("PORT");
  expect(checks["config"]?.detail).toContain("TUTTI_PREFIX");
  expect(checks["redis"]).toMatchObject({ ok: null, detail: expect.stringContaining("unknown") });
  expect(checks["node"]).toMatchObject({ ok: true });
});

test("a home that cannot be written", async () => {
  const { home } = await examine(configOf({ home: "/dev/null/home" }));
  expect(home).toMatchObject({ ok: false, fix: expect.stringContaining("TUTTI_HOME") });
});

test("a Redis that is not there", async () => {
  const checks = await examine(configOf({ redisUrl: "redis://127.0.0.1:1" }));
  expect(checks).toMatchObject({
    redis: { ok: false, fix: expect.stringContaining("REDIS_URL") },
    redis_version: { ok: null },
    clock: { ok: null },
  });
});

test("a Redis that is too old", async () => {
  const checks = await examine(configOf({ redisUrl: await oldRedis() }));
  expect(checks["redis_version"]).toMatchObject({ ok: false, detail: "version 5.0.7" });
  expect(checks["redis_eviction"]).toMatchObject({ ok: true });
});

describe("no server to start", () => {
  const nowhere = { searchPath: [], redisBinary: join(tmpdir(), "no-such-server") };

  test("and no Redis given", async () => {
    const checks = await examine(configOf(nowhere));
    expect(checks).toMatchObject({
      redis_server: { ok: false, fix: expect.stringContaining("REDIS_URL") },
      redis: { ok: false },
    });
  });

  test("but a Redis is given", async () => {
    const checks = await examine(configOf({ ...nowhere, redisUrl: inject("redisUrl") }));
    expect(checks).toMatchObject({ redis_server: { ok: null }, redis: { ok: true } });
  });

  test("none found at all", async () => {
    const home = mkdtempSync(join(tmpdir(), "tutti-doctor-"));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const { redisBinary: _, ...config } = configOf({ searchPath: [], home });
    const { redis_server: server } = await examine(config, { knownFolders: [] });
    // Where apt is, one would be fetched.
    expect([null, false]).toContain(server?.ok);
    expect(server?.detail).toContain("no server found");
  });
});

describe("the catalogue", () => {
  test("that cannot be read", async () => {
    const checks = await examine(configOf({ redisUrl: inject("redisUrl") }), {
      catalogue: () => {
        throw new TuttiError("catalogue_invalid", "two tools are called git.log");
      },
    });
    expect(checks).toMatchObject({
      catalogue: { ok: false, detail: "two tools are called git.log" },
      bindings: { ok: null },
    });
  });

  test("with tools that are not bound: a note, no failure", async () => {
    const tools = [...CATALOGUE().tools, { id: "km_memory", bound: false }];
    const checks = await examine(configOf({ redisUrl: inject("redisUrl") }), {
      catalogue: () => ({ tools }),
    });
    expect(checks).toMatchObject({
      catalogue: { ok: true, detail: "2 tools" },
      bindings: { ok: null, detail: expect.stringContaining("km_memory") },
    });
  });
});

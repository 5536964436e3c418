import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";

import { describe, expect, inject, onTestFinished, test } from "vitest";

import { openRedis } from "../../../queues/embedded-redis/index.ts";
import { withLock } from "../../../queues/embedded-redis/lock.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Lag } from "../../support/waiting/lag.ts";
import { freshConfig, onRedis, serversOf, spawnUser, startUser } from "./user.ts";

/** One file, or from Redis 7 on a folder of them. */
function appendOnlyFiles(home: string): string[] {
  const data = join(home, "redis/data");
  return readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.startsWith("appendonly.aof"))
    .map((entry) => join(entry.parentPath, entry.name));
}

describe.skipIf(!inject("canEmbed"))("the embedded Redis", () => {
  test("starts, safe and private", async () => {
    const config = freshConfig();
    const lines: string[] = [];
    const redis = await openRedis(config, { onTalk: (line) => lines.push(line) });
    expect(redis.origin).toBe("embedded");
    expect(lines).toEqual([expect.stringMatching(/^embedded Redis \S+ started on 127\.0\.0\.1:/)]);
    const [policy, sync, bind] = await onRedis(redis.url, async (client) => [
      await client.config("GET", "maxmemory-policy"),
      await client.config("GET", "appendfsync"),
      await client.config("GET", "bind"),
    ]);
    expect([policy, sync, bind]).toEqual([
      ["maxmemory-policy", "noeviction"],
      ["appendfsync", "everysec"],
      ["bind", "127.0.0.1"],
    ]);
    const { port, password } = new URL(redis.url);
    expect(password.length).toBeGreaterThanOrEqual(32);
    await expect(onRedis(`redis://127.0.0.1:${port}`, (client) => client.get("x"))).rejects.toThrow(
      "NOAUTH",
    );
    for (const name of ["server.json", "redis.conf", "server.log"]) {
      expect(statSync(join(config.home, "redis", name)).mode & 0o077).toBe(0);
    }
    expect(lines.join("\n")).not.toContain(password);
    await redis.close();
    expect(serversOf(config.home)).toEqual([]);
  });

  test("is shared by a second process, and stopped by the last one", async () => {
    const config = freshConfig();
    const first = await startUser(config);
    const second = await startUser(config);
    expect(second.url).toBe(first.url);
    expect(second.lines.at(-1)).toContain("found on");
    await first.leave();
    expect(serversOf(config.home)).toHaveLength(1);
    await onRedis(second.url, (redis) => redis.set("left", "here"));
    await second.leave();
    expect(serversOf(config.home)).toEqual([]);

    const later = await startUser(config);
    expect(await onRedis(later.url, (redis) => redis.get("left"))).toBe("here");
    await later.leave();
  });

  test("is one, when four processes start at once and when they end at once", async () => {
    const config = freshConfig();
    const users = await Promise.all(Array.from({ length: 4 }, () => startUser(config)));
    expect(new Set(users.map(({ url }) => url)).size).toBe(1);
    expect(users.filter(({ lines }) => lines.at(-1)?.includes("started"))).toHaveLength(1);
    expect(serversOf(config.home)).toHaveLength(1);
    await Promise.all(users.map((user) => user.leave()));
    expect(serversOf(config.home)).toEqual([]);
  });

  test("counts every use of one process, and closing twice as once", async () => {
    const config = freshConfig();
    const first = await openRedis(config);
    const second = await openRedis(config);
    await Promise.all([first.close(), first.close()]);
    expect(serversOf(config.home)).toHaveLength(1);
    await second[Symbol.asyncDispose]();
    expect(serversOf(config.home)).toEqual([]);
  });

  test("outlives the only user's crash and is adopted with its data", async () => {
    const config = freshConfig();
    const crashing = await startUser(config);
    await onRedis(crashing.url, (redis) => redis.set("kept", "yes"));
    await crashing.die();
    const [orphan] = serversOf(config.home);
    expect(orphan).toBeDefined();

    const next = await startUser(config);
    expect(next.url).toBe(crashing.url);
    expect(serversOf(config.home)).toEqual([orphan]);
    expect(await onRedis(next.url, (redis) => redis.get("kept"))).toBe("yes");
    // The dead user is not waited for.
    await next.leave();
    expect(serversOf(config.home)).toEqual([]);
  });

  test("does not get the Ctrl-C that ends its users", async () => {
    const config = freshConfig();
    // Its own process group, as a shell gives to each command line.
    const user = await startUser(config, {}, { detached: true });
    process.kill(-user.pid, "SIGINT");
    await user.gone();
    expect(serversOf(config.home)).toHaveLength(1);
    expect(await onRedis(user.url, (redis) => redis.ping())).toBe("PONG");
  });

  test("has its data back after a crash of both", async () => {
    const config = freshConfig();
    const crashing = await startUser(config);
    await onRedis(crashing.url, (redis) => redis.set("kept", "yes"));
    const log = appendOnlyFiles(config.home);
    await eventually(() =>
      expect(log.map((path) => readFileSync(path, "utf8"))).toContainEqual(
        expect.stringContaining("kept"),
      ),
    );
    const [server = 0] = serversOf(config.home);
    process.kill(server, "SIGKILL");
    await crashing.die();

    const next = await startUser(config);
    expect(next.lines.at(-1)).toContain("started on");
    expect(await onRedis(next.url, (redis) => redis.get("kept"))).toBe("yes");
    await next.leave();
  });

  test("survives a starter that died while it held the lock", async () => {
    const config = freshConfig();
    const dead = await startUser(config);
    await dead.leave();
    const lock = join(config.home, "redis/start.lock");
    // The pid may be somebody else's by now; what counts is when the process started.
    writeFileSync(lock, JSON.stringify({ pid: process.pid, identity: "another start" }));
    writeFileSync(`${lock}.steal`, JSON.stringify({ pid: dead.pid, identity: "long ago" }));
    const users = await Promise.all([startUser(config), startUser(config)]);
    expect(serversOf(config.home)).toHaveLength(1);
    await Promise.all(users.map((user) => user.leave()));
  });

  test("does not wait for a lock that nobody can read, and ends its waiting when it is told", async () => {
    const config = freshConfig();
    const lock = join(config.home, "redis/start.lock");
    mkdirSync(join(config.home, "redis"), { recursive: true });
    writeFileSync(lock, "{ not a lock");
    utimesSync(lock, new Date(0), new Date(0));
    const user = await startUser(config);
    await user.leave();
    // One that a living process holds.
    await withLock(lock, async () => {
      const stop = AbortSignal.timeout(50);
      await expect(openRedis(config, { signal: stop })).rejects.toThrow("abort");
    });
  });

  test("is one, also when its starter dies in the middle of the start", async () => {
    const config = freshConfig();
    const starting = spawnUser(config);
    await eventually(() => expect(serversOf(config.home)).toHaveLength(1));
    starting.kill("SIGKILL");
    const [server] = serversOf(config.home);
    const users = await Promise.all([startUser(config), startUser(config)]);
    expect(serversOf(config.home)).toEqual([server]);
    await Promise.all(users.map((user) => user.leave()));
    expect(serversOf(config.home)).toEqual([]);
  });

  test("is found when its starter died before it could note the server's pid", async () => {
    const config = freshConfig();
    const crashing = await startUser(config);
    await crashing.die();
    const path = join(config.home, "redis/server.json");
    const { port, password } = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ port, password }));
    const next = await startUser(config);
    expect(next.url).toBe(crashing.url);
    await next.leave();
    expect(serversOf(config.home)).toEqual([]);
  });

  test("never takes a stranger's server that has its old port", async () => {
    const config = freshConfig();
    const other = freshConfig();
    const stranger = await openRedis(other);
    const { port, password } = new URL(stranger.url);
    const first = await openRedis(config);
    await first.close();
    // As if ours had run there, with the same password, and died without a note.
    const path = join(config.home, "redis/server.json");
    writeFileSync(path, JSON.stringify({ port: Number(port), password }));
    const next = await openRedis(config);
    expect(new URL(next.url).port).not.toBe(port);
    await next.close();
    await stranger.close();
  });

  test("is not started twice on the same data when it hangs", async () => {
    const config = freshConfig();
    const user = await startUser(config);
    const [server = 0] = serversOf(config.home);
    process.kill(server, "SIGSTOP");
    await expect(startUser({ ...config, redisDeadlineMs: 200 })).rejects.toMatchObject({
      code: "redis_unavailable",
    });
    expect(serversOf(config.home)).toEqual([server]);
    process.kill(server, "SIGCONT");
    await user.leave();
  });

  test("says why it does not start", async () => {
    const config = freshConfig();
    const user = await startUser(config);
    await user.leave();
    for (const path of appendOnlyFiles(config.home)) writeFileSync(path, "nonsense");
    await expect(openRedis(config)).rejects.toMatchObject({
      code: "redis_unavailable",
      message: expect.stringMatching(/did not start: .+/),
    });
  });
});

describe("no embedded Redis", () => {
  test("without any binary: one line that says what to run", async () => {
    const options = { knownFolders: [], mayFetch: false };
    const { redisBinary: _, ...config } = freshConfig();
    Object.assign(config, { searchPath: [], home: join(config.home, "bare") });
    const error = await openRedis(config, options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "redis_not_found" });
    expect(String(error)).toMatch(/^TuttiError: no Redis found: (run `[^\n]+`|install)[^\n]+$/);
  });

  test.each([
    ["is missing", undefined, "ENOENT"],
    ["is something else", "#!/bin/sh\necho hello\n", "no Redis or Valkey server"],
    ["is too old", "#!/bin/sh\necho Redis server v=5.0.7 sha=0\n", "6.2.0 or later is needed"],
  ])("when TUTTI_REDIS_BINARY %s", async (_, content, reason) => {
    const config = freshConfig();
    const redisBinary = join(config.home, "server");
    if (content !== undefined) {
      writeFileSync(redisBinary, content);
      chmodSync(redisBinary, 0o755);
    }
    const error = await openRedis({ ...config, redisBinary }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "redis_not_found" });
    expect(String(error)).toContain(reason);
  });

  test("when the home cannot be made", async () => {
    const config = { ...freshConfig(), home: "/dev/null/home" };
    await expect(openRedis(config)).rejects.toMatchObject({ code: "config_invalid" });
  });
});

describe("REDIS_URL", () => {
  test("is used when it answers, and not stopped", async () => {
    const redisUrl = inject("redisUrl");
    const redis = await openRedis({ ...freshConfig(), redisUrl });
    expect(redis).toMatchObject({ url: redisUrl, origin: "url" });
    await redis.close();
    expect(await onRedis(redisUrl, (client) => client.ping())).toBe("PONG");
  });

  test.each([
    ["nobody listens", "redis://127.0.0.1:1/0", "ECONNREFUSED"],
    ["no such host", "redis://ada:hunter2@nowhere.invalid", "nowhere.invalid"],
  ])("that cannot be used: %s", async (_, redisUrl, reason) => {
    const error = await openRedis({ ...freshConfig(), redisUrl }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "redis_unavailable" });
    expect(String(error)).toContain(reason);
    expect(String(error)).not.toContain("hunter2");
  });

  test("where somebody listens who is silent", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await eventually(() => expect(server.listening).toBe(true));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    await using lag = new Lag();
    const started = performance.now();
    const config = { ...freshConfig(), redisDeadlineMs: 300 };
    await expect(
      openRedis({ ...config, redisUrl: `redis://127.0.0.1:${port}` }),
    ).rejects.toMatchObject({ code: "redis_unavailable" });
    const tookMs = performance.now() - started;
    expect(tookMs - (await lag.ms())).toBeLessThan(3_000);
  });

  test.skipIf(!inject("canEmbed"))("with the wrong password", async () => {
    const embedded = await openRedis(freshConfig());
    const { port } = new URL(embedded.url);
    for (const redisUrl of [`redis://:wrong@127.0.0.1:${port}`, `redis://127.0.0.1:${port}`]) {
      await expect(openRedis({ ...freshConfig(), redisUrl })).rejects.toMatchObject({
        code: "redis_unavailable",
      });
    }
    await embedded.close();
  });
});

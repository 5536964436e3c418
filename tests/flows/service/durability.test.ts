import { Writable } from "node:stream";

import { Redis } from "ioredis";
import { pino } from "pino";
import { describe, expect, inject, test } from "vitest";

import { loadConfig, parseCatalogue, ToolRegistry } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { doctor } from "../../../src/doctor.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker, type StartWorkerOptions } from "../../../src/worker.ts";
import { OwnRedis, type AppendFsync } from "../../support/servers/own-redis.ts";
import { sentinels } from "../../support/servers/redis-fleet.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 60_000 };
const tool = (id: string, idempotent: boolean) =>
  `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], idempotent: ${idempotent}, binding: { type: in_process } }`;
const registry = new ToolRegistry(
  parseCatalogue(
    ["tutti: 1", "tools:", tool("pay", false), tool("read", true)].join("\n"),
    "tools",
  ),
);
const document = (id: string) => ({ tutti: 1, id: "wf", steps: [{ id: "a", tool: id }] });

/** A master that syncs always, its replica, and who looks at both. */
async function pair() {
  const master = await OwnRedis.open({
    keeps: "always",
    args: ["--repl-diskless-sync-delay", "0"],
  });
  const replica = await OwnRedis.open({ args: ["--replicaof", "127.0.0.1", String(master.port)] });
  const admin = new Redis(master.url, { maxRetriesPerRequest: null });
  await eventually(async () => expect(await admin.info("replication")).toContain("state=online"));
  return {
    master,
    replica,
    admin,
    async [Symbol.asyncDispose]() {
      admin.disconnect();
      replica.thaw();
      await replica[Symbol.asyncDispose]();
      await master[Symbol.asyncDispose]();
    },
  };
}

/** A strict worker whose calls are told. */
async function strictWorker(redisUrl: string, more: Partial<StartWorkerOptions> = {}) {
  const calls: string[] = [];
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const call: ToolHandler = (_input, { runId }) => {
    calls.push(runId);
    return Promise.resolve({});
  };
  const worker = await startWorker({
    redisUrl,
    registry,
    handlers: { pay: call, read: call },
    log: pino({ level: "warn" }, sink),
    durability: "strict",
    ...more,
  });
  return { worker, calls, lines };
}

describe.runIf(inject("canEmbed"))("durability strict", () => {
  test.for<{ is: string; keeps?: AppendFsync; args?: string[]; works: boolean }>([
    { is: "has no append-only file", works: false },
    { is: "has appendfsync everysec", keeps: "everysec", works: false },
    { is: "has appendfsync always", keeps: "always", works: true },
    {
      is: "does not say",
      keeps: "everysec",
      args: ["--rename-command", "CONFIG", ""],
      works: true,
    },
  ])("a Redis that $is: $works", async ({ is, works, ...options }) => {
    await using server = await OwnRedis.open(options);
    const redisUrl = server.url;
    await using tutti = new Tutti({ redisUrl, registry, durability: "strict" });
    const [[, refusal] = []] = await told({
      submit: () => tutti.submit(document("pay"), { runId: "r" }),
    });
    const checks = await doctor(
      () =>
        loadConfig({ REDIS_URL: redisUrl, TUTTI_DURABILITY: "strict", TUTTI_HOME: server.folder }),
      { catalogue: () => ({ tools: [] }) },
    );
    const seen = checks.find(({ id }) => id === "redis_durability");
    if (!works) {
      expect(refusal).toMatchObject({
        code: "config_invalid",
        message: expect.stringContaining(is) as string,
      });
      // It is not there, so nobody will do it.
      await expect(tutti.get("r")).rejects.toMatchObject({ code: "run_not_found" });
      await expect(strictWorker(redisUrl)).rejects.toMatchObject({ code: "config_invalid" });
      expect(seen).toMatchObject({ ok: false });
      return;
    }
    expect(refusal).toBeNull();
    const { worker, calls } = await strictWorker(redisUrl);
    await using _ = worker;
    expect((await tutti.result("r", WAIT)).state).toBe("completed");
    expect(calls).toEqual(["r"]);
    expect(seen).toMatchObject({ ok: is === "does not say" ? null : true });
  });

  test("is told as done when the replica has it, and not before", async () => {
    await using both = await pair();
    const redisUrl = both.master.url;
    await using tutti = new Tutti({
      redisUrl,
      registry,
      durability: "strict",
      redisDeadlineMs: 2_000,
    });
    await tutti.submit(document("pay"), { runId: "before" });
    await tutti.workflows.add(document("pay"));
    both.replica.freeze();
    const acts = {
      submit: () => tutti.submit(document("pay"), { runId: "r" }),
      start: () => tutti.start("wf", { runId: "s" }),
      cancel: () => tutti.cancel("before"),
      priority: () => tutti.setPriority("before", 10),
      emit: () => tutti.events.emit("came"),
      schedule: () => tutti.schedules.add({ id: "s", workflowId: "wf", everyMs: 60_000 }),
      limits: () => tutti.gate.set({ tool: "pay", concurrency: 2 }),
      ping: () => tutti.ping(),
    };
    for (const [name, outcome] of await told(acts))
      expect([name, outcome]).toMatchObject([
        name,
        { code: "redis_unavailable", details: { trouble: "NOREPLICAS" } },
      ]);
    // Looking does not wait for replicas.
    expect((await tutti.get("r")).state).toBe("queued");
    both.replica.thaw();
    await eventually(() => tutti.ping());
    expect(await told(acts)).toEqual(Object.keys(acts).map((name) => [name, null]));
  });

  test("a tool that is not idempotent is called when the replica knows of it, and not before", async () => {
    await using both = await pair();
    const redisUrl = both.master.url;
    await using tutti = new Tutti({ redisUrl, registry });
    const first = await strictWorker(redisUrl, { graceMs: 1 });
    both.replica.freeze();
    await tutti.submit(document("pay"), { runId: "pays" });
    await tutti.submit(document("read"), { runId: "reads" });
    expect((await tutti.result("reads", WAIT)).state).toBe("completed");
    await eventually(() => expect(first.lines.join("")).toContain("calls wait to be kept"));
    expect(first.calls).toEqual(["reads"]);
    // Nothing was called, so another one may.
    await first.worker.close();
    expect((await tutti.get("pays")).steps["a"]).toMatchObject({ state: "pending" });
    const second = await strictWorker(redisUrl);
    await using _ = second.worker;
    await eventually(() => expect(second.lines.join("")).toContain("calls wait to be kept"));
    // A run that is stopped meanwhile ends without a call.
    await tutti.submit(document("pay"), { runId: "stops" });
    await eventually(async () =>
      expect((await tutti.get("stops")).steps["a"]).toMatchObject({ state: "running" }),
    );
    await tutti.cancel("stops");
    expect((await tutti.result("stops", WAIT)).state).toBe("cancelled");
    expect(second.calls).toEqual([]);
    both.replica.thaw();
    expect((await tutti.result("pays", WAIT)).state).toBe("completed");
    expect([...first.calls, ...second.calls]).toEqual(["reads", "pays"]);
  });

  test("how the only call ended is told again to a server that had not heard of it", async () => {
    await using fleet = await sentinels({ keeps: "always" });
    const turnstile = new Turnstile();
    const { worker, calls } = await strictWorker(fleet.url, {
      lockDurationMs: 2_000,
      handlers: {
        pay: async (_input, { runId, signal }) => {
          calls.push(runId);
          await turnstile.pass(runId, signal);
          return "paid";
        },
      },
    });
    await using _ = worker;
    await using tutti = new Tutti({ redisUrl: fleet.url, registry });
    await tutti.submit(document("pay"), { runId: "r" });
    await turnstile.holds(1);
    // From now on the replica hears of nothing.
    const master = new Redis(fleet.master.url);
    await master.call("ACL", "SETUSER", "default", "-psync", "-sync");
    await master.call("CLIENT", "KILL", "TYPE", "replica");
    turnstile.open();
    expect((await tutti.result("r", WAIT)).steps["a"]).toMatchObject({ output: "paid" });
    master.disconnect();
    await fleet.master.stop();
    await fleet.named(fleet.replica.port);
    const run = await tutti.result("r", WAIT);
    expect(run).toMatchObject({ state: "completed", steps: { a: { output: "paid" } } });
    expect(calls).toEqual(["r"]);
  });

  test("standard waits for no replica", async () => {
    await using both = await pair();
    await using tutti = new Tutti({ redisUrl: both.master.url, registry });
    both.replica.freeze();
    const { worker, calls } = await strictWorker(both.master.url, { durability: "standard" });
    await using _ = worker;
    await tutti.submit(document("pay"), { runId: "r" });
    expect((await tutti.result("r", WAIT)).state).toBe("completed");
    expect(calls).toEqual(["r"]);
  });

  test("as many replicas as are asked for", async () => {
    await using both = await pair();
    const ask = (replicas: number) =>
      new Tutti({
        redisUrl: both.master.url,
        registry,
        durability: "strict",
        replicas,
        redisDeadlineMs: 1_000,
      });
    await using none = ask(0);
    await using two = ask(2);
    both.replica.freeze();
    await none.submit(document("pay"));
    await expect(two.submit(document("pay"))).rejects.toThrow(/of 2 replicas have confirmed/);
  });
});

/** What each says at once: null when it is done. */
async function told(
  acts: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<readonly (readonly [string, object | null])[]> {
  return Promise.all(
    Object.entries(acts).map(async ([name, act]) => {
      try {
        await act();
        return [name, null] as const;
      } catch (thrown) {
        return [name, thrown as object] as const;
      }
    }),
  );
}

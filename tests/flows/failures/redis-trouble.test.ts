import { Writable } from "node:stream";

import { Redis } from "ioredis";
import { pino } from "pino";
import { describe, expect, inject, test } from "vitest";

import { startServer, type RunningServer } from "../../../src/server/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker } from "../../../src/worker.ts";
import { OwnRedis } from "../../support/servers/own-redis.ts";
import { eventually, promptly } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const document = {
  tutti: 1,
  id: "wf",
  steps: [
    { id: "a", tool: "core.echo", with: { n: 1 } },
    { id: "b", tool: "core.echo", needs: ["a"], with: { n: 2 } },
    { id: "c", tool: "core.echo", needs: ["a"], with: { n: 3 } },
    { id: "d", tool: "core.echo", needs: ["b", "c"], with: { n: 4 } },
  ],
};
/** After the end of a trouble everything goes on within this time. Milliseconds. */
const RECOVERED_MS = 10_000;
/** What each of the two workers says of a queue: that there is trouble, once for each kind of it. */
const LINES = 4;

/** What the workers log, a line each. */
class Log extends Writable {
  readonly lines: { readonly msg: string; readonly queue?: string; readonly trouble?: string }[] =
    [];
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    for (const line of chunk.toString().split("\n"))
      if (line !== "") this.lines.push(JSON.parse(line) as { msg: string });
    done();
  }
}

/** A deployment on a Redis of its own: two workers, a server, a client. */
async function deployment(args: readonly string[] = [], onStart?: (redis: Redis) => Promise<void>) {
  const redis = await OwnRedis.open({ args });
  const admin = new Redis(redis.url, { maxRetriesPerRequest: null });
  await onStart?.(admin);
  const log = new Log();
  const turnstile = new Turnstile();
  const calls: string[] = [];
  const options = {
    redisUrl: redis.url,
    tools: ["core.echo"],
    log: pino({ level: "warn" }, log),
    handlers: {
      "core.echo": async (
        input: object,
        { stepId, runId, signal }: { stepId: string; runId: string; signal: AbortSignal },
      ) => {
        calls.push(`${runId} ${stepId}`);
        if (runId === "held") await turnstile.pass(stepId, signal);
        return input;
      },
    },
  };
  const tutti = new Tutti({ redisUrl: redis.url });
  const workers = [await startWorker(options as never), await startWorker(options as never)];
  const server: RunningServer = await startServer({
    tutti,
    registry: tutti.registry,
    config: { host: "127.0.0.1", port: 0 },
  });
  return {
    redis,
    admin,
    tutti,
    log,
    turnstile,
    calls,
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server.close();
      await Promise.all(workers.map((worker) => worker.close()));
      await tutti.close();
      admin.disconnect();
      await redis[Symbol.asyncDispose]();
    },
  };
}

type Deployment = Awaited<ReturnType<typeof deployment>>;

const submitOver = (url: string, runId: string) =>
  fetch(`${url}/v1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ workflow: document, runId }),
  });

/** A run completes by itself, however it was submitted. */
async function completes({ tutti }: Deployment, runId: string) {
  const run = await tutti.result(runId, { timeoutMs: 60_000 });
  expect(run.state).toBe("completed");
}

interface Trouble {
  readonly code: string;
  /** What other commands are answered meanwhile. */
  readonly also?: readonly string[];
  readonly args?: readonly string[];
  readonly onStart?: (redis: Redis) => Promise<void>;
  readonly begin: (redis: Redis) => Promise<unknown>;
  readonly end: (redis: Redis) => Promise<unknown>;
}

const ALL_SLOTS = ["0", "16383"] as const;

const TROUBLES: readonly Trouble[] = [
  {
    code: "OOM",
    begin: (redis) => redis.config("SET", "maxmemory", "1mb"),
    end: (redis) => redis.config("SET", "maxmemory", "0"),
  },
  {
    code: "READONLY",
    // A replica of nobody: the port of a server that is not there.
    begin: (redis) => redis.replicaof("127.0.0.1", 1),
    end: (redis) => redis.replicaof("NO", "ONE"),
  },
  {
    code: "MASTERDOWN",
    also: ["READONLY"],
    args: ["--replica-serve-stale-data", "no"],
    begin: (redis) => redis.replicaof("127.0.0.1", 1),
    end: (redis) => redis.replicaof("NO", "ONE"),
  },
  {
    code: "NOREPLICAS",
    begin: (redis) => redis.config("SET", "min-replicas-to-write", "1"),
    end: (redis) => redis.config("SET", "min-replicas-to-write", "0"),
  },
  {
    code: "CLUSTERDOWN",
    args: ["--cluster-enabled", "yes"],
    onStart: async (redis) => {
      await redis.call("CLUSTER", "ADDSLOTSRANGE", ...ALL_SLOTS);
      await eventually(() => redis.set("{tutti}.started", "1"));
    },
    begin: (redis) => redis.call("CLUSTER", "DELSLOTSRANGE", ...ALL_SLOTS),
    end: (redis) => redis.call("CLUSTER", "ADDSLOTSRANGE", ...ALL_SLOTS),
  },
  {
    code: "BUSY",
    args: ["--lua-time-limit", "1"],
    begin: async (redis) => {
      const other = redis.duplicate();
      other.eval("while true do end", 0).catch(() => other.disconnect());
      await eventually(async () => {
        await expect(redis.get("x")).rejects.toThrow("BUSY");
      });
    },
    end: (redis) => redis.script("KILL"),
  },
];

describe.runIf(inject("canEmbed"))("while Redis cannot work", () => {
  test.each(TROUBLES)(
    "$code is redis_unavailable at every door, and over by itself",
    { timeout: 120_000 },
    async ({ code, also = [], args = [], onStart, begin, end }) => {
      const codes = [code, ...also];
      await using all = await deployment(args, onStart);
      const { admin, tutti, log, url, turnstile, calls } = all;
      await tutti.submit(document, { runId: "before" });
      await completes(all, "before");
      // A call that ends in the midst of it.
      await tutti.submit(document, { runId: "held" });
      await turnstile.holds(1);
      const lines = log.lines.length;
      await begin(admin);
      turnstile.open();
      const refusal = {
        code: "redis_unavailable",
        details: {
          trouble: expect.toSatisfy((trouble: string) => codes.includes(trouble)) as string,
        },
      };
      await expect(tutti.submit(document, { runId: "during" })).rejects.toMatchObject(refusal);
      await expect(tutti.ping()).rejects.toMatchObject(refusal);
      const response = await submitOver(url, "during");
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: "redis_unavailable" });
      const ready = await fetch(`${url}/ready`);
      expect(ready.status).toBe(503);
      expect(await ready.json()).toMatchObject({
        reasons: [expect.stringMatching(new RegExp(codes.join("|")))],
      });
      await end(admin);
      await promptly(async () => {
        await tutti.submit(document, { runId: "after" });
        expect((await fetch(`${url}/ready`)).status).toBe(200);
      }, RECOVERED_MS);
      await completes(all, "after");
      await completes(all, "held");
      // What was refused is not done, and what was underway is done once.
      await expect(tutti.get("during")).rejects.toMatchObject({ code: "run_not_found" });
      expect(calls.filter((call) => call.startsWith("during"))).toEqual([]);
      expect(calls.filter((call) => call.startsWith("held")).toSorted()).toEqual(
        ["a", "b", "c", "d"].map((id) => `held ${id}`),
      );
      const told = log.lines.slice(lines);
      // The first of two workers and the second; what goes on is counted.
      const times = new Map<string, number>();
      for (const { queue = "", msg } of told) {
        const line = `${queue} ${msg}`;
        times.set(line, (times.get(line) ?? 0) + 1);
      }
      for (const [line, count] of times)
        expect({ line, count: Math.min(count, LINES) }).toEqual({ line, count });
      expect(told.some(({ trouble }) => codes.includes(trouble ?? ""))).toBe(true);
    },
  );
});

describe.runIf(inject("canEmbed"))("when Redis has lost its scripts", () => {
  const flush = async (redis: Redis) => {
    await redis.script("FLUSH");
  };

  test("everything goes on at once, at every door", { timeout: 120_000 }, async () => {
    await using all = await deployment();
    const { admin, tutti, url, calls, log } = all;
    for (let round = 0; round < 5; round++) {
      await flush(admin);
      const [answer] = await Promise.all([
        submitOver(url, `http${round}`),
        tutti.submit(document, { runId: `client${round}` }),
      ]);
      expect(answer.status).toBe(202);
      await flush(admin);
      await completes(all, `http${round}`);
      await completes(all, `client${round}`);
    }
    expect(calls).toHaveLength(2 * 5 * document.steps.length);
    expect(new Set(calls).size).toBe(calls.length);
    expect(log.lines).toEqual([]);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });

  test("also a large tree, items and runs below runs", { timeout: 120_000 }, async () => {
    await using all = await deployment();
    const { admin, tutti } = all;
    await tutti.workflows.add({ ...document, id: "below" });
    const steps = [
      { id: "sub", workflow: "below", with: {} },
      {
        id: "each",
        tool: "core.echo",
        forEach: "${{ [1, 2, 3, 4, 5, 6, 7, 8] }}",
        with: { n: "${{ item }}" },
      },
      ...Array.from({ length: 1_200 }, (_, n) => ({ id: `s${n}`, tool: "core.echo", with: { n } })),
    ];
    await flush(admin);
    await tutti.submit({ tutti: 1, id: "large", steps }, { runId: "large" });
    await flush(admin);
    await completes(all, "large");
  });
});

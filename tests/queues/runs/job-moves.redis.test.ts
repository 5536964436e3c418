import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { describe, expect } from "vitest";

import { JobMoves, Keys, Ledger } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { FaultProxy } from "../../support/servers/fault-proxy.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const keysOf = (queue: string, names: readonly string[]) => names.map((name) => `${queue}:${name}`);
const TAKING = "wait active prioritized events stalled limiter delayed paused meta pc marker".split(
  " ",
);

/** A way to Redis that shows what is asked. */
async function watched(redisUrl: string, show: (request: string) => void): Promise<FaultProxy> {
  const proxy = await FaultProxy.open(redisUrl, Math.random);
  proxy.swallowAnswerTo((request) => {
    show(request);
    return false;
  });
  return proxy;
}

test("a move that fails leaves the others of its call alone", async ({ redis, prefix }) => {
  const ledger = new Ledger(redis, new Keys(prefix));
  const [bad, good] = [`${prefix}:bad`, `${prefix}:good`];
  // A list where BullMQ has a hash.
  await redis.lpush(`${bad}:meta`, "nonsense");
  await redis.lpush(`${good}:wait`, "1");
  await redis.hset(`${good}:1`, "data", "{}");
  const take = (queue: string) =>
    ledger.move({
      script: "moveToActive",
      keys: keysOf(queue, TAKING),
      args: [`${queue}:`, "0", { token: "t", lockDuration: 1_000 }],
    });
  const [failed, taken] = await Promise.allSettled([take(bad), take(good)]);
  expect(failed).toMatchObject({
    status: "rejected",
    reason: { message: expect.stringContaining("WRONGTYPE") },
  });
  expect(taken).toMatchObject({
    status: "fulfilled",
    value: { answer: [expect.anything(), "1", 0, 0] },
  });
});

test("a worker takes and ends jobs by them as by BullMQ's own commands", async ({
  redis,
  prefix,
}) => {
  const queue = new Queue("q", { connection: redis, prefix });
  const seen: unknown[] = [];
  const text = 'ä "\\\u0000 \u{1f600}';
  await queue.add("well", { text }, { jobId: "well" });
  await queue.add("bad", { text }, { jobId: "bad" });
  const connection = redis.duplicate({ maxRetriesPerRequest: null });
  const worker = new Worker(
    "q",
    async ({ name, data }: { name: string; data: unknown }) => {
      seen.push(data);
      if (name === "bad") throw new Error(`no ${text}\ud800`);
      return { text };
    },
    { connection, prefix },
    new JobMoves(new Ledger(redis, new Keys(prefix))).backend,
  );
  worker.on("error", () => {});
  await eventually(async () => {
    expect(await queue.getJobCounts("completed", "failed", "active")).toEqual({
      completed: 1,
      failed: 1,
      active: 0,
    });
  });
  expect(seen).toEqual([{ text }, { text }]);
  expect((await queue.getJob("well"))?.returnvalue).toEqual({ text });
  expect((await queue.getJob("bad"))?.failedReason).toBe(`no ${text}\ufffd`);
  await worker.close();
  await queue.close();
  connection.disconnect();
});

test("where the answer of a move is lost, the job that it took is taken all the same", async ({
  redisUrl,
  redis,
  prefix,
}) => {
  await using proxy = await FaultProxy.open(redisUrl, Math.random);
  const queue = new Queue("q", { connection: redis, prefix });
  await queue.addBulk(Array.from({ length: 30 }, (_, n) => ({ name: `j${n}`, data: {} })));
  const connection = new Redis(proxy.url, { maxRetriesPerRequest: null });
  connection.on("error", () => {});
  const done: string[] = [];
  proxy.swallowAnswerTo((request) => request.includes('"moveToActive"'));
  const worker = new Worker(
    "q",
    async ({ name }: { name: string }) => {
      done.push(name);
      if (done.length % 10 === 0)
        proxy.swallowAnswerTo((request) => request.includes('"moveToFinished"'));
    },
    // Nobody takes what somebody holds before this test is over.
    { connection, prefix, concurrency: 3, lockDuration: 600_000 },
    new JobMoves(new Ledger(connection, new Keys(prefix))).backend,
  );
  worker.on("error", () => {});
  await eventually(async () => {
    expect(await queue.getJobCounts("completed", "active", "wait")).toEqual({
      completed: 30,
      active: 0,
      wait: 0,
    });
  });
  expect(done.toSorted()).toEqual(Array.from({ length: 30 }, (_, n) => `j${n}`).toSorted());
  expect(proxy.done.swallowed).toBeGreaterThan(2);
  await worker.close();
  await queue.close();
  connection.disconnect();
});

test.for([
  { sharedMoves: true, what: "in the calls that steps make" },
  { sharedMoves: false, what: "by commands of BullMQ's own" },
])("a worker moves jobs $what", async ({ sharedMoves }, { orchestra, redisUrl, prefix }) => {
  const sent: string[] = [];
  await using proxy = await watched(redisUrl, (request) => {
    if (request.includes(`${prefix}:probe:wait`)) sent.push(request);
  });
  const worker = await orchestra.work({ probe: () => 1 }, { sharedMoves, redisUrl: proxy.url });
  const { runId } = await orchestra.tutti.submit(workflow([{ id: "a" }]));
  await orchestra.tutti.result(runId, { timeoutMs: 20_000 });
  await eventually(() => {
    const shared = sent.filter((text) => text.includes('"op":"move"'));
    // Of BullMQ's scripts only the one that ends a job has so many keys.
    const own = sent.filter((text) => /\r\n14\r\n\$\d+\r\n[^\r]*:probe:wait\r\n/.test(text));
    expect([shared.length > 0, own.length > 0]).toEqual([sharedMoves, !sharedMoves]);
  });
  await worker.close();
});

test("a step and its job end by one operation, unless its worker has something to do between them", async ({
  orchestra,
  redisUrl,
}) => {
  const together = new Set<string>();
  await using proxy = await watched(redisUrl, (request) => {
    for (const [, slot] of request.matchAll(/"op":"end","commit":\{"op":"commit","slot":"(\w+)"/g))
      together.add(slot!);
  });
  const fail = () => {
    throw new Error("no");
  };
  const worker = await orchestra.work({ probe: () => 1, effect: fail }, { redisUrl: proxy.url });
  const { runId } = await orchestra.tutti.submit(
    workflow([
      { id: "a" },
      { id: "bad", tool: "effect", optional: true },
      { id: "last", needs: ["a", "bad"], join: "settled" },
    ]),
  );
  await orchestra.tutti.result(runId, { timeoutMs: 20_000 });
  await eventually(async () => {
    expect(await orchestra.tutti.get(runId)).toMatchObject({ state: "completed" });
    expect([...together].toSorted()).toEqual(["a", "last"]);
  });
  await worker.close();
});

describe("a step begins with the script that takes its job", () => {
  const caller = { number: 7, holder: "w#7" };

  test("when it is known what it reads, until the job is put back", async ({
    orchestra,
    redis,
    prefix,
  }) => {
    const keys = new Keys(prefix);
    const ledger = new Ledger(redis, keys);
    const moves = new JobMoves(ledger, () => caller);
    const document = workflow([{ id: "a", with: { n: 1 } }]);
    const runs: string[] = [];
    for (let n = 0; n < 3; n++) runs.push((await orchestra.tutti.submit(document)).runId);
    const connection = redis.duplicate({ maxRetriesPerRequest: null });
    const worker = new Worker("probe", null, { connection, prefix }, moves.backend);
    worker.on("error", () => {});
    const record = (n: number): Promise<string | null> => redis.hget(keys.run(runs[n]!), "s:a");
    const take = async (token: string) => {
      const job = await worker.getNextJob(token);
      return { job, begun: moves.begunWith({ id: job.id, token }) };
    };
    const first = await take("t1");
    expect([first.begun, await record(0)]).toEqual([undefined, null]);
    await moves.learn(first.job.data.hash as string, "a", { fields: ["submittedAt"] });

    const second = await worker.getNextJob("t2");
    expect(await record(1)).toMatch(/^R1,.*@w#7$/);
    await second.moveToWait("t2");
    expect(await record(1)).toBeNull();
    // Its second start begins by itself.
    const again = await take("t3");
    expect([again.job.id, again.begun, await record(1)]).toEqual([second.id, undefined, null]);

    const third = await take("t4");
    expect(third.begun).toMatchObject({
      number: 7,
      begun: { status: "go", values: [expect.any(String)], record: { start: 1 } },
    });
    await third.job.moveToWait("t4");
    // That one is at work by now: its begin is its own business.
    expect(await record(2)).toMatch(/^R1,/);
    await worker.close();
    connection.disconnect();
  });
});

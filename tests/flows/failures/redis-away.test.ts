import { pino } from "pino";
import { describe, expect, inject, it } from "vitest";

import type { ToolHandler } from "../../../processors/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker } from "../../../src/worker.ts";
import { randomFrom } from "../../support/drawn/random.ts";
import { excuse } from "../../support/runner/leaks.ts";
import { FaultProxy } from "../../support/servers/fault-proxy.ts";
import { OwnRedis } from "../../support/servers/own-redis.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Lag } from "../../support/waiting/lag.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const log = pino({ level: "silent" });

// BullMQ's workers go on with their locks until their Redis answers, which never comes back here.
excuse("Timeout");
const document = {
  tutti: 1,
  id: "wf",
  steps: [
    { id: "a", tool: "core.echo", with: { n: 1 } },
    { id: "b", tool: "core.echo", needs: ["a"], with: { n: 2 } },
  ],
};

/** How long something takes on a machine that does not stand still meanwhile. Milliseconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  await using lag = new Lag();
  const since = performance.now();
  await work();
  const ms = performance.now() - since;
  return ms - (await lag.ms());
}

describe.runIf(inject("canEmbed"))("while Redis is away", () => {
  it(
    "every call fails with redis_unavailable within 5 s, and closing does not hang",
    { timeout: 40_000 },
    async () => {
      await using server = await OwnRedis.open({ start: false });
      const tutti = new Tutti({ redisUrl: server.url });
      const calls = [
        () => tutti.submit(document),
        () => tutti.get("r"),
        () => tutti.cancel("r"),
        () => tutti.list(),
        () => tutti.ping(),
        () => tutti.workers(),
        () => tutti.result("r"),
      ];
      const ms = await timed(() =>
        Promise.all(
          calls.map((call) => expect(call()).rejects.toMatchObject({ code: "redis_unavailable" })),
        ),
      );
      expect(ms).toBeLessThan(6_000);
      expect(await timed(() => tutti.close())).toBeLessThan(5_000);
    },
  );

  it("a Redis that does not answer is unavailable too", { timeout: 40_000 }, async () => {
    await using server = await OwnRedis.open();
    await using tutti = new Tutti({ redisUrl: server.url });
    await tutti.ping();
    server.freeze();
    const ms = await timed(() =>
      expect(tutti.submit(document)).rejects.toMatchObject({ code: "redis_unavailable" }),
    );
    expect(ms).toBeLessThan(6_000);
    server.thaw();
    await eventually(() => tutti.ping());
  });

  it("a worker waits, and goes on by itself when Redis is back", { timeout: 60_000 }, async () => {
    await using server = await OwnRedis.open();
    await using tutti = new Tutti({ redisUrl: server.url });
    await using worker = await startWorker({ redisUrl: server.url, log, tools: ["core.echo"] });
    expect(worker.tools).toEqual(["core.echo"]);
    const first = await tutti.submit(document);
    expect((await tutti.result(first.runId)).state).toBe("completed");
    await server.stop();
    await expect(tutti.submit(document)).rejects.toMatchObject({ code: "redis_unavailable" });
    await server.start();
    const { runId } = await eventually(() => tutti.submit(document), { timeoutMs: 20_000 });
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
  });

  it(
    "a step that ends meanwhile is recorded once Redis answers again",
    { timeout: 60_000 },
    async () => {
      await using server = await OwnRedis.open();
      await using tutti = new Tutti({ redisUrl: server.url });
      const gate = new Turnstile();
      let calls = 0;
      const echo: ToolHandler = async (input, { stepId, signal }) => {
        calls++;
        await gate.pass(stepId, signal);
        return input;
      };
      await using worker = await startWorker({
        redisUrl: server.url,
        log,
        tools: ["core.echo"],
        handlers: { "core.echo": echo },
      });
      expect(worker.tools).toHaveLength(1);
      const { runId } = await tutti.submit(document);
      await gate.holds(1);
      server.freeze();
      gate.open();
      await expect(tutti.ping()).rejects.toMatchObject({ code: "redis_unavailable" });
      server.thaw();
      expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
      expect(calls).toBe(2);
    },
  );

  it("a submission of which an answer was lost is sent again, and is one run", async () => {
    await using server = await OwnRedis.open();
    await using proxy = await FaultProxy.open(server.url, randomFrom(1));
    await using tutti = new Tutti({ redisUrl: proxy.url });
    // The client cannot know whether its jobs are there.
    proxy.swallowAnswerTo((request) => request.includes("wf.~r"));
    expect(await tutti.submit(document, { runId: "r" })).toEqual({ runId: "r", created: true });
    expect(proxy.done.swallowed).toBe(1);
    expect(await tutti.submit(document, { runId: "r" })).toEqual({ runId: "r", created: false });
    const calls: string[] = [];
    const echo: ToolHandler = async (input, { stepId }) => {
      calls.push(stepId);
      return input;
    };
    await using worker = await startWorker({
      redisUrl: server.url,
      log,
      tools: ["core.echo"],
      handlers: { "core.echo": echo },
    });
    expect(worker.tools).toHaveLength(1);
    expect((await tutti.result("r")).state).toBe("completed");
    expect(calls).toEqual(["a", "b"]);
  });

  it("a worker can be closed", { timeout: 60_000 }, async () => {
    await using server = await OwnRedis.open();
    const worker = await startWorker({
      redisUrl: server.url,
      log,
      tools: ["core.echo"],
      graceMs: 300,
    });
    await server.stop();
    expect(await timed(() => worker.close())).toBeLessThan(10_000);
  });
});

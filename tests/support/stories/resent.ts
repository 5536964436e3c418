import { createHash } from "node:crypto";

import { Redis } from "ioredis";
import { pino } from "pino";
import { expect } from "vitest";

import { loadCatalogue, parseCatalogue, ToolRegistry } from "../../../config/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker } from "../../../src/worker.ts";
import { randomFrom } from "../drawn/random.ts";
import { SOON } from "../drawn/workflows.ts";
import { deleteKeys } from "../runner/redis.ts";
import { FaultProxy } from "../servers/fault-proxy.ts";
import { eventually } from "../waiting/eventually.ts";

/** Answers of one script that are lost in one story. */
const LOST = 3;
/** Longer than a story: nothing is repaired by looking for it. Milliseconds. */
const NEVER_MS = 3_600_000;
const WAIT = { timeoutMs: 40_000 };

/** A request whose answer is lost. */
export interface Resent {
  /** Name of the script. */
  readonly script: string;
  /** Only of calls that hold this text. */
  readonly with?: string;
}

const tool = (id: string, more: string) =>
  `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], ${more}, binding: { type: in_process } }`;
const registry = new ToolRegistry([
  ...loadCatalogue().list(),
  ...parseCatalogue(
    [
      "tutti: 1",
      "tools:",
      tool("effect", "idempotent: false, limits: { concurrency: 3 }"),
      tool("keyed", "idempotent: true, limits: { perKey: { by: step, concurrency: 1 } }"),
    ].join("\n"),
    "test tools",
  ),
]);

const effects = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ id: `e${n}`, tool: "effect", with: { n } }));

/**
 * A story in which every script has its part: runs that wait, are held, stopped, resumed, started by name, by
 * schedule and by event, with items, runs below runs, lanes and undoing. The answers to `resent` are lost: its first
 * ones, each with its connection. What has to be true of the story is true of it all the same, and soon: nobody
 * looks for what was left half done. Returns how many answers were lost.
 */
export async function tellResent(
  { redisUrl, prefix }: { readonly redisUrl: string; readonly prefix: string },
  resent: Resent,
): Promise<number> {
  await using proxy = await FaultProxy.open(redisUrl, randomFrom(1));
  const calls: string[] = [];
  let mayFail = true;
  const flaky = new Set<string>();
  const handlers = {
    effect: (_input: object, { runId, stepId }: { runId: string; stepId: string }) => {
      if (mayFail && stepId === "fails") throw new Error("not yet");
      if (stepId === "flaky" && !flaky.has(runId)) {
        flaky.add(runId);
        throw new Error("once more");
      }
      calls.push(`${runId} ${stepId}`);
      return null;
    },
    keyed: (_input: object, { runId, stepId }: { runId: string; stepId: string }) => {
      calls.push(`${runId} ${stepId} keyed`);
      return null;
    },
  };
  const options = { redisUrl: proxy.url, prefix, registry };
  const text = knownScripts.get(resent.script);
  expect(text, `${resent.script} is defined`).toBeDefined();
  const sha = createHash("sha1").update(text!).digest("hex");
  const lose = () =>
    proxy.swallowAnswerTo((request) => {
      const isMeant =
        (request.includes(sha) || request.includes(text!.slice(0, 400))) &&
        (resent.with === undefined || request.includes(resent.with));
      if (isMeant && proxy.done.swallowed < LOST - 1) queueMicrotask(lose);
      return isMeant;
    });
  lose();
  const tutti = new Tutti(options);
  const worker = await startWorker({
    ...options,
    handlers,
    tools: ["effect", "keyed", "core.echo", "core.fail"],
    log: pino({ level: "silent" }),
    learning: false,
    sweepIntervalMs: NEVER_MS,
    // Orphans of a fetch whose answer was lost start again when their locks are over.
    lockDurationMs: 2_000,
    controlLockDurationMs: 2_000,
    maxRunning: 2,
    sampleIntervalMs: 200,
  });
  try {
    await story(tutti, calls, () => {
      mayFail = false;
    });
    // Some are sent now and then, whatever the story does.
    await eventually(() => expect(proxy.done.swallowed).toBeGreaterThan(0)).catch(() => {});
  } finally {
    await worker.close();
    await tutti.close();
  }
  return proxy.done.swallowed;
}

/** Prefix of the deployment that scripts are read off. */
const LEARNED_AT = "{learn}";

/** Filled by {@link learnScripts}: texts as the product sends them. */
const knownScripts = new Map<string, string>();

/** Reads the texts of all scripts off the connections of a client and a worker. */
export async function learnScripts(redisUrl: string): Promise<readonly string[]> {
  // Called with its own `this` below.
  // oxlint-disable-next-line typescript/unbound-method
  const define = Redis.prototype.defineCommand;
  Redis.prototype.defineCommand = function (name, script) {
    if (name.startsWith("tutti")) knownScripts.set(name, script.lua);
    return define.call(this, name, script);
  };
  try {
    const options = { redisUrl, prefix: LEARNED_AT, registry };
    const tutti = new Tutti(options);
    const worker = await startWorker({
      ...options,
      tools: ["core.echo"],
      log: pino({ level: "silent" }),
    });
    await tutti.workflows.add({ tutti: 1, id: "wf", steps: [{ id: "a", tool: "core.echo" }] });
    // Some are defined when they are first needed.
    const { runId } = await tutti.submit({
      tutti: 1,
      id: "outer",
      steps: [{ id: "sub", workflow: "wf" }],
    });
    await tutti.result(runId, { timeoutMs: 30_000 });
    await tutti.submit(
      { tutti: 1, id: "waits", steps: [{ id: "ok", approval: "Go?" }] },
      { runId: "stopped" },
    );
    await tutti.cancel("stopped");
    await worker.close();
    await tutti.close();
  } finally {
    Redis.prototype.defineCommand = define;
  }
  const redis = new Redis(redisUrl);
  await deleteKeys(redis, LEARNED_AT);
  redis.disconnect();
  return [...knownScripts.keys()].toSorted();
}

async function story(tutti: Tutti, calls: string[], mend: () => void): Promise<void> {
  const document = {
    tutti: 1,
    id: "all",
    timeoutMs: 60_000,
    steps: [
      { id: "ok", approval: "Go?" },
      { id: "late", event: "paid", needs: ["ok"] },
      { id: "pause", waitMs: 20 },
      ...effects(3),
      { id: "each", tool: "effect", forEach: "${{ [1, 2, 3] }}", with: { n: "${{ item }}" } },
      { id: "key", tool: "keyed", key: "a", with: {} },
      { id: "sub", workflow: "below", with: {}, needs: ["e0", "e1"] },
      { id: "again", tool: "core.echo", cache: { ttlMs: 60_000 }, with: { n: 1 } },
      { id: "end", tool: "effect", needs: ["late", "pause", "each", "key", "sub"] },
    ],
  };
  const below = { tutti: 1, id: "below", steps: effects(2) };
  expect(await tutti.workflows.add(below)).toMatchObject({ created: true });
  expect(await tutti.workflows.add(document)).toMatchObject({ created: true });
  expect(await tutti.start("all", { runId: "run" })).toMatchObject({ created: true });
  expect(await tutti.pause("run")).toMatchObject({ state: "paused" });
  expect(await tutti.setPriority("run", 9)).toMatchObject({ priority: 9 });
  await tutti.resume("run");
  expect(await tutti.approve("run", "ok", { by: "ann" })).toMatchObject({ first: true });
  await eventually(async () => {
    expect((await tutti.get("run")).state).toBe("parked");
  });
  expect(await tutti.signal("run", "paid", 7)).toMatchObject({ steps: ["late"] });
  expect((await tutti.result("run", WAIT)).state).toBe("completed");

  // Calls that take places, fail once, and are made again.
  const adaptive = {
    tutti: 1,
    id: "adaptive",
    mode: "adaptive",
    steps: [
      ...effects(12),
      { id: "fails", tool: "effect", retry: { maxAttempts: 1, ...SOON } },
      { id: "behind", tool: "effect", needs: ["fails"] },
      { id: "flaky", tool: "effect", retry: { maxAttempts: 2, ...SOON } },
    ],
  };
  await tutti.submit(adaptive, { runId: "adaptive" });
  expect((await tutti.result("adaptive", WAIT)).state).toBe("partial");
  const letters = await tutti.deadLetters.list();
  expect(letters.letters.map(({ runId, step }) => `${runId} ${step}`)).toContain("adaptive fails");
  mend();
  expect(await tutti.resume("adaptive")).toMatchObject({ epoch: 1, steps: ["fails", "behind"] });
  expect((await tutti.result("adaptive", WAIT)).state).toBe("completed");

  // One that is stopped while it waits, one that is stopped before it began, and those behind them.
  const waits = { tutti: 1, id: "waits", steps: [{ id: "ok", approval: "Go?" }, ...effects(1)] };
  await tutti.submit(waits, { runId: "stopped" });
  await eventually(async () => {
    expect((await tutti.get("stopped")).steps["ok"]?.state).toBe("waiting");
  });
  await tutti.cancel("stopped");
  expect((await tutti.result("stopped", WAIT)).state).toBe("cancelled");
  const many = { tutti: 1, id: "many", steps: effects(2) };
  await Promise.all([1, 2, 3, 4, 5].map((n) => tutti.submit(many, { runId: `many${n}` })));
  for (const n of [1, 2, 3, 4, 5])
    expect((await tutti.result(`many${n}`, WAIT)).state).toBe("completed");

  // What was done is undone.
  const undone = {
    tutti: 1,
    id: "undone",
    onError: "recovery",
    steps: [
      { id: "made", tool: "effect", compensate: { tool: "keyed", with: {} } },
      { id: "broken", tool: "core.fail", needs: ["made"], retry: { maxAttempts: 1 } },
    ],
  };
  await tutti.submit(undone, { runId: "undone" });
  expect((await tutti.result("undone", WAIT)).state).toBe("failed");
  expect(calls).toContain("undone made keyed");

  // By schedule and by event.
  const schedule = { id: "s", workflowId: "below", everyMs: 3_600_000 };
  expect(await tutti.schedules.add(schedule)).toMatchObject({ created: true });
  const firing = await tutti.schedules.run("s");
  expect((await tutti.result(firing.runId!, WAIT)).state).toBe("completed");
  await tutti.schedules.pause("s");
  await tutti.schedules.resume("s");
  await tutti.schedules.remove("s");
  const trigger = { id: "t", event: "came", workflowId: "below" };
  expect(await tutti.triggers.add(trigger)).toMatchObject({ created: true });
  const debounced = { id: "d", event: "came", workflowId: "below", debounceMs: 10 };
  expect(await tutti.triggers.add(debounced)).toMatchObject({ created: true });
  await tutti.events.emit("came", null, { key: "once" });
  await eventually(async () => {
    const all = await tutti.triggers.list();
    expect(all.map(({ counts }) => counts.started)).toEqual([1, 1]);
  });
  await tutti.triggers.remove("t");
  await tutti.triggers.remove("d");
  await eventually(async () => {
    const open = (await tutti.list({ limit: 100 })).filter(({ finishedAt }) => finishedAt === null);
    expect(open).toEqual([]);
  });
  expect((await tutti.workflows.remove("all")).removed).toBe(1);

  // No call was made twice.
  const ofSteps = calls.filter((call) => !call.includes("each"));
  expect(ofSteps.toSorted()).toEqual([...new Set(ofSteps)].toSorted());
  expect(calls.filter((call) => call === "run each")).toHaveLength(3);
}

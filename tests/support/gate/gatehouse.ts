import { setTimeout as pause } from "node:timers/promises";

import { pino } from "pino";

import { catalogueParts, ToolRegistry } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { Gate, Keys } from "../../../queues/index.ts";
import type { Why, WhyReason } from "../../../src/gate/why/why.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker, type StartWorkerOptions, type TuttiWorker } from "../../../src/worker.ts";
import { test as withRedis } from "../runner/redis.ts";
import { eventually } from "../waiting/eventually.ts";
import { Lag } from "../waiting/lag.ts";
import { Turnstile } from "../waiting/turnstile.ts";
import { seedService } from "./gate-stored.ts";

/** How long calls of `takes` take. Milliseconds. */
const CALL_MS = 400;
/** What seeded means say of calls: longer than any test, in which they end when they are let go. Milliseconds. */
export const MEAN_MS = 600_000;

const tool = (id: string, more = ""): string =>
  `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], idempotent: true, binding: { type: in_process }${more} }`;

/** Tools whose names say what limits them. */
const { tools, budgets } = catalogueParts(
  [
    "tutti: 1",
    "budgets:",
    "  gpu: { slots: 2 }",
    "  api: { slots: 5, rates: [{ max: 2, durationMs: 600 }] }",
    "tools:",
    tool("plain"),
    tool("ask", ", budgets: { gpu: 1 }"),
    tool("render", ", budgets: { gpu: 2 }"),
    tool("rendering", ", budgets: { gpu: 2 }, resources: { cpu: 0.6 }"),
    tool("heavy", ", resources: { cpu: 0.6 }"),
    tool("light", ", resources: { cpu: 0.5 }"),
    tool("solo", ", limits: { concurrency: 1 }"),
    tool("rated", ", limits: { rate: { max: 2, durationMs: 4000 } }"),
    tool("spare", ", importance: optional"),
    tool("mail", ", upstream: post"),
  ].join("\n"),
  "gatehouse tools",
);
export const gatehouseTools = new ToolRegistry(tools, budgets);

/** A client, the gate behind it, and workers as asked for. */
export interface Gatehouse {
  readonly tutti: Tutti;
  readonly gate: Gate;
  readonly keys: Keys;
  readonly work: (
    handlers: Readonly<Record<string, ToolHandler>>,
    options?: Partial<StartWorkerOptions>,
  ) => Promise<TuttiWorker>;
  /** A call that lasts until its run is let go. */
  readonly hold: ToolHandler;
  readonly letGo: (...runIds: string[]) => void;
  /** Makes the gate believe that calls of a tool take MEAN_MS. */
  readonly seed: (...names: string[]) => Promise<void>;
  /** Submits a run with one step of each of these tools, named like them. */
  readonly submit: (runId: string, ...names: string[]) => Promise<void>;
  /** Waits until a step runs. */
  readonly runs: (runId: string, step: string) => Promise<void>;
  /** Asks until the answer has a reason of this kind. */
  readonly because: <K extends WhyReason["kind"]>(
    kind: K,
    question: Parameters<Tutti["why"]>[0],
  ) => Promise<{ readonly why: Why; readonly reason: Extract<WhyReason, { kind: K }> }>;
  /** When a call ends that has begun, if it takes MEAN_MS. Milliseconds since 1970. */
  readonly endOf: (runId: string, step: string) => Promise<number>;
  /** Checks that a step begins when it was said to. For what only time decides. */
  readonly comesTrue: (why: Why) => Promise<void>;
}

/** A call that takes a while. */
export const takes: ToolHandler = (_input, { signal }) =>
  pause(CALL_MS, undefined, { signal }).then(() => null);

export const test = withRedis.extend<{ gatehouse: Gatehouse }>({
  gatehouse: async ({ redisUrl, redis, prefix }, use) => {
    const keys = new Keys(prefix);
    const tutti = new Tutti({ redisUrl, prefix, registry: gatehouseTools });
    const workers: TuttiWorker[] = [];
    await using lag = new Lag(redis);
    const turnstiles = new Map<string, Turnstile>();
    const turnstileOf = (runId: string): Turnstile => {
      const turnstile = turnstiles.get(runId) ?? new Turnstile();
      turnstiles.set(runId, turnstile);
      return turnstile;
    };
    const submit: Gatehouse["submit"] = async (runId, ...names) => {
      const steps = names.map((id) => ({ id, tool: id }));
      await tutti.submit({ tutti: 1, id: "wf", steps }, { runId });
    };
    await use({
      tutti,
      keys,
      gate: new Gate(redis, keys),
      submit,
      seed: async (...names) => {
        for (const name of names) await seedService(redis, prefix, name, MEAN_MS);
      },
      work: async (handlers, options = {}) => {
        const worker = await startWorker({
          learning: false,
          redisUrl,
          prefix,
          registry: gatehouseTools,
          handlers,
          tools: Object.keys(handlers),
          machine: "m1",
          log: pino({ level: "silent" }),
          graceMs: 0,
          ...options,
        });
        workers.push(worker);
        return worker;
      },
      runs: async (runId, step) => {
        await eventually(async () => {
          const state = (await tutti.get(runId)).steps[step]?.state;
          if (state !== "running") throw new Error(`${step} of ${runId} is ${state}`);
        });
      },
      because: async <K extends WhyReason["kind"]>(
        kind: K,
        question: Parameters<Tutti["why"]>[0],
      ) =>
        eventually(async () => {
          const why = await tutti.why(question);
          const isKind = (one: WhyReason): one is Extract<WhyReason, { kind: K }> =>
            one.kind === kind;
          const reason = why.reasons.find(isKind);
          if (reason === undefined) throw new Error(`${kind} expected: ${why.sentence}`);
          if (!why.waits) throw new Error(`it should wait: ${why.sentence}`);
          return { why, reason };
        }),
      hold: async (_input, { runId, stepId, signal }) => {
        await turnstileOf(runId).pass(stepId, signal);
        return null;
      },
      letGo: (...runIds) => {
        for (const runId of runIds) turnstileOf(runId).open();
      },
      endOf: async (runId, step) => {
        const { permits, now } = await tutti.gate.show();
        const permit = permits.find((one) => one.runId === runId && one.step === step);
        const { submittedAt } = await tutti.get(runId);
        const since = permit?.since ?? "never";
        if (since < submittedAt || since > now)
          throw new Error(`${step} of ${runId} was let through: ${since}; it is ${now}`);
        return Date.parse(since) + MEAN_MS;
      },
      comesTrue: async ({ runId = "", step = "", eta, nowMs, sentence }) => {
        if (eta.atMs === null) throw new Error(`no time: ${sentence}`);
        const begun = await eventually(async () => {
          const { startedAt } = (await tutti.get(runId)).steps[step]!;
          if (startedAt === null) throw new Error(`${step} of ${runId} has not begun`);
          return Date.parse(startedAt);
        });
        // Nobody foretells that the machine has other things to do.
        const allowedMs = Math.max(100, 0.25 * (eta.atMs - nowMs)) + (await lag.ms());
        const offMs = begun - eta.atMs;
        if (Math.abs(offMs) > allowedMs)
          throw new Error(`it began ${offMs} ms off, more than ${allowedMs}: ${sentence}`);
      },
    });
    await Promise.all(workers.map((worker) => worker.close()));
    await tutti.close();
  },
});

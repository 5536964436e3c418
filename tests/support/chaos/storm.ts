/** Random workflows while everything around them is killed and cut, and what became of them. */
import { setTimeout as pause } from "node:timers/promises";

import { Redis } from "ioredis";

import type { RunView } from "../../../src/index.ts";
import { randomFrom } from "../drawn/random.ts";
import { Fleet } from "../fleets/fleet.ts";
import { FaultProxy, type Faults } from "../servers/fault-proxy.ts";
import { freePort, OwnRedis, type AppendFsync } from "../servers/own-redis.ts";
import { eventually } from "../waiting/eventually.ts";
import { chaosCases } from "./cases.ts";
import { ChaosClient } from "./client.ts";
import { judge } from "./judge.ts";
import { Witness } from "./witness.ts";

export interface StormOptions {
  readonly seed: number;
  readonly workflows: number;
  readonly workers: number;
  readonly keeps: AppendFsync;
  /** How long things are killed and cut. Milliseconds. */
  readonly stormMs: number;
  /** Longest time between two kills of a worker, of the API, of Redis, and between two faults of the network. Milliseconds. */
  readonly everyMs: Readonly<Record<"worker" | "api" | "redis" | "fault", number>>;
}

/** What happened, in figures. */
export interface StormReport {
  readonly seed: number;
  readonly kills: { readonly worker: number; readonly api: number; readonly redis: number };
  readonly faults: Faults;
  /** Answers of the API that were no success, by status; `none`: no answer. */
  readonly refused: Readonly<Record<string, number>>;
  /** Acknowledged runs. */
  readonly runs: number;
  readonly openAtTheEnd: number;
  readonly states: Readonly<Record<string, number>>;
  readonly calls: number;
  /** Calls that were made again because a worker died. */
  readonly again: number;
  readonly effectUnknown: number;
  readonly workerLost: number;
  /** Acknowledged runs that are not there, or never end. */
  readonly lost: readonly string[];
  /** Second endings and second effects. */
  readonly doubles: readonly string[];
  /** What the model does not allow. */
  readonly disallowed: readonly string[];
  /** Processes that ended although nobody killed them, and errors that the API could not explain. */
  readonly accidents: readonly string[];
  /** From the last fault to the end of the runs that were open then. Milliseconds. */
  readonly recovery: {
    readonly n: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
  };
}

/** Longest time after the storm. Milliseconds. */
const CALM_MS = 120_000;
/** How long Redis is away at most. Milliseconds. */
const AWAY_MS = 1_000;
/** A cancelled run lives so long per call that the generator would have waited for. Milliseconds. */
const CANCEL_TURN_MS = 60;

/** @param witnessUrl A Redis outside of the storm. */
export async function storm(
  witnessUrl: string,
  prefix: string,
  options: StormOptions,
): Promise<StormReport> {
  const { seed, stormMs, everyMs } = options;
  const random = randomFrom(seed);
  const cases = chaosCases(seed, options.workflows);
  await using redis = await OwnRedis.open({ keeps: options.keeps });
  await using proxy = await FaultProxy.open(redis.url, randomFrom(seed + 1));
  const port = await freePort();
  const program = "tests/support/fleets/programs/chaos-program.mjs";
  await using api = new Fleet(1, program, ["api", proxy.url, prefix, witnessUrl, String(port)]);
  await using workers = new Fleet(options.workers, program, [
    "worker",
    proxy.url,
    prefix,
    witnessUrl,
  ]);
  const client = new ChaosClient(`http://127.0.0.1:${port}`);
  const witnessRedis = new Redis(witnessUrl);
  const witness = new Witness(witnessRedis, prefix);
  using endings = new Endings(redis.url, prefix);
  await endings.listen();

  const over = new AbortController();
  const every = async (most: number, work: () => unknown): Promise<void> => {
    for (;;) {
      await pause(most * (0.3 + 0.7 * random()), undefined, { signal: over.signal }).catch(
        () => {},
      );
      if (over.signal.aborted) return;
      await work();
    }
  };
  let redisKills = 0;
  const faults = [
    every(everyMs.worker, () => workers.kill(random)),
    every(everyMs.api, () => api.kill(random)),
    every(everyMs.fault, () => proxy.fault()),
    every(everyMs.redis, async () => {
      redisKills++;
      await redis.stop();
      await pause(AWAY_MS * random());
      await redis.start();
    }),
  ];
  const cancels = new Map<string, Awaited<ReturnType<ChaosClient["cancel"]>>>();
  const submitting = cases.map(async ({ workflow, script, cancelAfter }, index) => {
    const runId = `r${index}`;
    await witness.prepare(runId, script);
    await pause(stormMs * momentOf(index / cases.length));
    await client.submit(runId, workflow);
    if (cancelAfter === null) return;
    await pause(cancelAfter * CANCEL_TURN_MS);
    cancels.set(runId, await client.cancel(runId));
  });
  await pause(stormMs);
  over.abort();
  await Promise.all(faults);
  // The last fault hits everything at once, in the midst of the runs that came last.
  for (let worker = 0; worker < options.workers; worker++) workers.kill(random);
  api.kill(random);
  redisKills++;
  await redis.stop();
  await redis.start();
  await witness.calm();
  const calmSince = Date.now();
  await Promise.all(submitting);

  const ids = cases.map((_, index) => `r${index}`);
  const lost: string[] = [];
  const runs = new Map<string, RunView>();
  await eventually(
    async () => {
      for (const runId of ids.filter((id) => !runs.has(id) && !lost.includes(id))) {
        const run = await client.get(runId);
        if (run === null) lost.push(`${runId}: is not there`);
        else if (run.finishedAt !== null) runs.set(runId, run);
      }
      if (runs.size + lost.length < ids.length) throw new Error("still running");
    },
    { timeoutMs: CALM_MS },
  ).catch(() => {});
  for (const runId of ids.filter(
    (id) => !runs.has(id) && !lost.some((one) => one.startsWith(`${id}:`)),
  )) {
    const run = await client.get(runId);
    const open = Object.entries(run?.steps ?? {}).filter(
      ([, step]) => (step.finishedAt ?? step.decidedAt) === undefined,
    );
    lost.push(
      `${runId}: ${run?.state}, open: ${open.map(([id, { state }]) => `${id} ${state}`).join(", ")}`,
    );
  }

  const calls = await witness.calls();
  const errors = await witness.errors();
  witnessRedis.disconnect();
  const verdicts = cases.flatMap((one, index) => {
    const run = runs.get(`r${index}`);
    if (run === undefined) return [];
    const verdict = judge(one, run, calls.get(run.runId) ?? [], cancels.get(run.runId));
    return [{ one, run, verdict }];
  });
  const sum = (pick: (verdict: ReturnType<typeof judge>) => number) =>
    verdicts.reduce((total, { verdict }) => total + pick(verdict), 0);
  const recoveries = verdicts
    .filter(({ run }) => Date.parse(run.finishedAt!) > calmSince)
    .map(({ one, run }) => {
      // A run that waits for its own deadline is not late before that.
      const due =
        run.state === "timed_out" ? Date.parse(run.submittedAt) + one.workflow.timeoutMs! : 0;
      return Math.max(0, Date.parse(run.finishedAt!) - Math.max(calmSince, due));
    })
    .toSorted((a, b) => a - b);
  const at = (share: number) => recoveries[Math.ceil(recoveries.length * share) - 1] ?? 0;
  return {
    seed,
    kills: { worker: workers.deaths, api: api.kills, redis: redisKills },
    faults: proxy.done,
    refused: client.refused,
    runs: ids.length,
    openAtTheEnd: recoveries.length,
    states: count([...runs.values()].map(({ state }) => state)),
    calls: [...calls.values()].flat().length,
    again: sum(({ again }) => again),
    effectUnknown: sum(({ unknown }) => unknown),
    workerLost: sum((verdict) => verdict.lost),
    lost,
    doubles: [
      ...endings.doubles(),
      ...verdicts.flatMap(({ run, verdict }) =>
        verdict.doubles.map((key) => `${run.runId} ${key}`),
      ),
    ],
    disallowed: verdicts.flatMap(({ run, verdict }) =>
      verdict.wrong.map((what) => `${run.runId} ${what}`),
    ),
    accidents: [...workers.accidents, ...api.accidents, ...errors],
    recovery: { n: recoveries.length, p50: at(0.5), p95: at(0.95), max: at(1) },
  };
}

/** When a workflow is submitted, as a share of the storm: the last third comes in its last twentieth. */
function momentOf(share: number): number {
  return share < 2 / 3 ? share * 1.4 : 0.95 + (share - 2 / 3) * 0.15;
}

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** Endings that were told. Some are missed while Redis is away; one that is told twice is one too many. */
class Endings implements Disposable {
  readonly #redis: Redis;
  readonly #pattern: string;
  readonly #times = new Map<string, number>();

  constructor(url: string, prefix: string) {
    this.#pattern = `${prefix}.events:*`;
    this.#redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    this.#redis.on("error", () => {});
    this.#redis.on("pmessage", (_pattern: string, channel: string, message: string) => {
      const [kind, shown = "", record = ""] = message.split("\n");
      const open = /^(queued|running|cancelling|compensating|paused|parked)$/;
      const ending = kind === "r" ? !open.test(shown) : /^[CFSX]/.test(record);
      const key = `${channel.slice(prefix.length)} ${kind === "r" ? "run" : shown} ended twice`;
      if (ending) this.#times.set(key, (this.#times.get(key) ?? 0) + 1);
    });
  }

  async listen(): Promise<void> {
    await this.#redis.psubscribe(this.#pattern);
  }

  doubles(): string[] {
    return [...this.#times].filter(([, times]) => times > 1).map(([key]) => key);
  }

  [Symbol.dispose](): void {
    this.#redis.disconnect();
  }
}

/** A steady stream of runs while one kind of fault comes, and what became of them. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { Redis } from "ioredis";

import type { DurabilityProfile } from "../../../config/index.ts";
import { isOpen } from "../../../queues/index.ts";
import type { RunView } from "../../../src/index.ts";
import { randomFrom } from "../drawn/random.ts";
import { Fleet } from "../fleets/fleet.ts";
import { FaultProxy } from "../servers/fault-proxy.ts";
import { freePort, OwnRedis } from "../servers/own-redis.ts";
import { sentinels } from "../servers/redis-fleet.ts";
import { eventually } from "../waiting/eventually.ts";
import { ChaosClient } from "./client.ts";

/** Runs that are submitted in a second. */
const RATE = 20;
/** Runs come for so long before the fault and after it. Milliseconds. */
const AROUND_MS = 4_000;
/**
 * Longest time until the last run has ended: a server that forgot how the only call ended, whose worker lives, waits for it
 * as long as a call may take (300 s). Milliseconds.
 */
const CALM_MS = 420_000;
const PROGRAM = "tests/support/fleets/programs/fault-program.mjs";

/** `pay` must not be called twice. */
const document = {
  tutti: 1,
  id: "wf",
  timeoutMs: 1_800_000,
  steps: [
    { id: "first", tool: "read" },
    { id: "pay", tool: "pay", needs: ["first"] },
    { id: "last", tool: "read", needs: ["pay"], join: "settled" },
  ],
};

/** What a fault is done to. */
interface Scene {
  readonly profile: DurabilityProfile;
  readonly server: OwnRedis;
  /** Kills the server. */
  readonly kill: () => Promise<void>;
  /** In front of the server. */
  readonly proxy: FaultProxy;
  readonly admin: Redis;
  readonly workers: readonly Fleet[];
  /** With sentinels: the replica of the server. */
  readonly replica?: OwnRedis;
  /** Resolves when the sentinel names the server at this port as the master. */
  readonly named?: (port: number) => Promise<void>;
}

export interface Fault {
  readonly name: string;
  readonly sentinels?: boolean;
  /** How long before a kill what was acknowledged may be lost, and done twice, with `standard`. Milliseconds. Default: nothing is. */
  readonly forgetsMs?: number;
  /** How wrong the clocks of the two workers are. Milliseconds. */
  readonly skewsMs?: readonly [number, number];
  /** Where the server has its data, instead of a folder of the system. */
  readonly disk?: boolean;
  /** Does it; `over` is called after each time, when the fault is gone. */
  readonly act: (scene: Scene, over: () => Promise<void>) => Promise<void>;
}

export interface FaultReport {
  readonly fault: string;
  readonly profile: DurabilityProfile;
  readonly acknowledged: number;
  /** Acknowledged, and not there any more, or not ended. */
  readonly lost: number;
  /** Runs that have not ended although there was time. */
  readonly open: readonly RunView[];
  /** Why steps failed, and how many did. */
  readonly errors: Readonly<Record<string, number>>;
  readonly states: Readonly<Record<string, number>>;
  /** Runs whose `pay` was called more than once. */
  readonly doubles: number;
  /** How long before the server was killed the oldest lost run was acknowledged. Milliseconds; 0: none was lost. */
  readonly windowMs: number;
  /** From the end of each fault to the first end of a run after it. Milliseconds; the longest. */
  readonly firstEndMs: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly accidents: readonly string[];
}

/** Two workers and a server, and a stream of runs that does not stop while the fault comes and goes. */
export async function through(fault: Fault, profile: DurabilityProfile): Promise<FaultReport> {
  const keeps = profile === "strict" ? "always" : "everysec";
  await using witnessServer = await OwnRedis.open();
  await using watched = fault.sentinels === true ? await sentinels({ keeps }) : null;
  await using own = watched === null ? await OwnRedis.open({ start: false, keeps }) : null;
  const server = watched?.master ?? own!;
  using disk = fault.disk === true ? smallDisk(server.folder) : null;
  void disk;
  if (own !== null) await own.start();
  await using proxy = await FaultProxy.open(server.url, randomFrom(1));
  using witness = connected(witnessServer.url);
  using admin = connected(server.url);

  const url = watched?.url ?? proxy.url;
  const port = await freePort();
  const start = (kind: string, options: object) =>
    new Fleet(1, PROGRAM, [
      kind,
      url,
      witnessServer.url,
      JSON.stringify({ durability: profile, ...options }),
    ]);
  await using api = start("api", { port });
  const [firstSkewMs, secondSkewMs] = fault.skewsMs ?? [0, 0];
  await using first = start("worker", { skewMs: firstSkewMs });
  await using second = start("worker", { skewMs: secondSkewMs });
  const workers = [first, second];
  const client = new ChaosClient(`http://127.0.0.1:${port}`);
  await client.submit("warm", document);
  await ended(client, ["warm"]);

  const acknowledged = new Map<string, number>();
  const submissions: Promise<void>[] = [];
  let count = 0;
  const stream = setInterval(() => {
    const runId = `r${count++}`;
    const submit = async () => {
      acknowledged.set(runId, await client.submit(runId, document));
    };
    submissions.push(submit());
  }, 1_000 / RATE);
  let firstEndMs = 0;
  const over = async () => {
    const at = performance.now();
    const before = await witness.redis.llen("last");
    await eventually(
      async () => {
        if ((await witness.redis.llen("last")) === before) throw new Error("no run has ended");
      },
      { timeoutMs: 60_000 },
    );
    firstEndMs = Math.max(firstEndMs, performance.now() - at);
  };
  await pause(AROUND_MS);
  const killedAt: number[] = [];
  const kill = async () => {
    killedAt.push(Date.now());
    await server.stop();
  };
  await fault.act(
    {
      profile,
      server,
      kill,
      proxy,
      admin: admin.redis,
      workers,
      ...(watched && { replica: watched.replica, named: watched.named }),
    },
    over,
  );
  await pause(AROUND_MS);
  clearInterval(stream);
  await Promise.all(submissions);

  const runs = await ended(client, [...acknowledged.keys()]);
  const missing = [...acknowledged].filter(([runId]) => runs.get(runId) === null);
  const states: Record<string, number> = {};
  const errors: Record<string, number> = {};
  const open: RunView[] = [];
  for (const run of runs.values()) {
    if (run === null) continue;
    states[run.state] = (states[run.state] ?? 0) + 1;
    if (isOpen(run.state)) open.push(run);
    for (const { error } of Object.values(run.steps))
      if (error !== undefined) {
        const what = `${error.code}: ${error.message.replaceAll(/\d+/g, "N").slice(0, 160)}`;
        errors[what] = (errors[what] ?? 0) + 1;
      }
  }
  const paid = await witness.redis.lrange("pay", 0, -1);
  return {
    fault: fault.name,
    profile,
    acknowledged: acknowledged.size,
    lost: missing.length,
    open,
    errors,
    states,
    doubles: paid.length - new Set(paid).size,
    windowMs: Math.max(0, ...missing.map(([, at]) => untilKilled(at, killedAt))),
    firstEndMs: Math.round(firstEndMs),
    refused: client.refused,
    accidents: [api, ...workers].flatMap(({ accidents }) => accidents),
  };
}

/** A connection that is made anew as soon as there is somebody again. */
function connected(url: string): Disposable & { readonly redis: Redis } {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  redis.on("error", () => {});
  return { redis, [Symbol.dispose]: () => redis.disconnect() };
}

/** Puts a folder on a disk that can be filled. */
function smallDisk(folder: string): Disposable {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=256m", "tmpfs", folder]);
  return { [Symbol.dispose]: () => void execFileSync("umount", ["-l", folder]) };
}

/** An answer may be read so long after the server that gave it was killed. Milliseconds. */
const READ_MS = 500;

/** From an acknowledgement to the next kill; without end when none came. Milliseconds. */
function untilKilled(at: number, killedAt: readonly number[]): number {
  return (killedAt.find((kill) => kill + READ_MS >= at) ?? Infinity) - at;
}

type Ends = Map<string, RunView | null>;

/** The state of each run when it has ended, or when the patience is over; null: it is not there. */
async function ended(client: ChaosClient, ids: readonly string[]): Promise<Ends> {
  const ends: Ends = new Map();
  let left = [...ids];
  const look = async () => {
    const open: string[] = [];
    // Not all at once: the server has to answer in time.
    for (const runId of left) {
      const run = await client.get(runId);
      ends.set(runId, run);
      if (run !== null && run.finishedAt === null) open.push(runId);
    }
    left = open;
    if (left.length > 0) throw new Error(`${left.length} runs are open`);
  };
  await eventually(look, { timeoutMs: CALM_MS }).catch(() => {});
  return ends;
}

/** Does something again and again. */
async function times(count: number, everyMs: number, work: () => unknown): Promise<void> {
  for (let time = 0; time < count; time++) {
    await work();
    await pause(everyMs);
  }
}

const HOUR_MS = 3_600_000;
/** What `everysec` may take on a busy disk, and an asynchronous replica may not have heard of. Milliseconds. */
const SYNC_MS = 2_000;
/** How far the replica lags. Milliseconds. */
const LAG_MS = 3_000;

/** What comes to deployments. */
export const FAULTS: readonly Fault[] = [
  {
    name: "Redis killed 10 times",
    forgetsMs: SYNC_MS,
    act: ({ server, kill }, over) =>
      times(10, 1_000, async () => {
        await kill();
        await server.start();
        await over();
      }),
  },
  {
    name: "Redis away for 20 s",
    forgetsMs: SYNC_MS,
    act: async ({ server, kill }, over) => {
      await kill();
      await pause(20_000);
      await server.start();
      await over();
    },
  },
  {
    name: "all connections cut 60 times",
    act: async ({ proxy }, over) => {
      await times(60, 500, () => proxy.cut());
      await over();
    },
  },
  {
    name: "a network that swallows everything for 20 s",
    act: async ({ proxy }, over) => {
      proxy.blackHole(20_000);
      await pause(20_000);
      await over();
    },
  },
  {
    name: "a failover by sentinels",
    forgetsMs: SYNC_MS,
    sentinels: true,
    act: async (scene, over) => {
      await scene.kill();
      await takenOver(scene);
      await over();
    },
  },
  {
    name: "a failover to a replica that lags by 3 s",
    forgetsMs: SYNC_MS + LAG_MS,
    sentinels: true,
    act: async (scene, over) => {
      const { kill, admin } = scene;
      // It cannot ask for what comes from now on; a frozen one would find it in its socket.
      await admin.call("ACL", "SETUSER", "default", "-psync", "-sync");
      await admin.call("CLIENT", "KILL", "TYPE", "replica");
      await pause(LAG_MS);
      await kill();
      await takenOver(scene);
      await over();
    },
  },
  {
    name: "a worker stopped for 90 s",
    act: async ({ workers }, over) => {
      workers[0]!.signal("SIGSTOP");
      await over();
      await pause(90_000);
      workers[0]!.signal("SIGCONT");
      await over();
    },
  },
  {
    name: "clocks two hours ahead and two behind",
    skewsMs: [2 * HOUR_MS, -2 * HOUR_MS],
    act: async (_scene, over) => {
      await pause(10_000);
      await over();
    },
  },
  {
    name: "a full disk for 15 s",
    disk: true,
    act: async ({ server, admin }, over) => {
      const ballast = join(server.folder, "ballast");
      try {
        execFileSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1M"], { stdio: "ignore" });
      } catch {
        // It stops when the disk is full.
      }
      await pause(15_000);
      rmSync(ballast);
      // With `always` Redis ends when it cannot write; whoever runs it starts it again.
      if (admin.status !== "ready") {
        await server.stop();
        await server.start();
      }
      await over();
    },
  },
  {
    name: "maxmemory reached for 15 s",
    act: async ({ admin }, over) => {
      await admin.config("SET", "maxmemory", "1mb");
      await pause(15_000);
      await admin.config("SET", "maxmemory", "0");
      await over();
    },
  },
];

/**
 * The replica is the master, and the old master its replica. `strict` goes on with that, `standard` before it.
 */
async function takenOver({ replica, server, profile, named }: Scene): Promise<void> {
  using admin = connected(replica!.url);
  const says = (what: string) =>
    eventually(
      async () => {
        if (!(await admin.redis.info("replication")).includes(what)) throw new Error(`not ${what}`);
      },
      { timeoutMs: 60_000 },
    );
  await says("role:master");
  await named!(replica!.port);
  // The sentinel makes it a replica of the other.
  await server.start();
  if (profile === "strict") await says("state=online");
}

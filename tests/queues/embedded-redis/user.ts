import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Redis } from "ioredis";
import { inject, onTestFinished } from "vitest";

import { loadConfig, type Config } from "../../../config/index.ts";
import type { OpenRedisOptions } from "../../../queues/embedded-redis/index.ts";
import { makeHome } from "../../support/runner/redis-server.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), "user-program.mjs");

/** The pid that server.json names, as long as it lives: for systems without /proc. */
function recordedServer(home: string): number[] {
  const path = join(home, "redis", "server.json");
  const state: { process?: { pid: number } } = existsSync(path)
    ? JSON.parse(readFileSync(path, "utf8"))
    : {};
  if (state.process === undefined) return [];
  try {
    process.kill(state.process.pid, 0);
    return [state.process.pid];
  } catch {
    return [];
  }
}

/** The pids of the servers that run on the data of this home, from the process table. */
export function serversOf(home: string): number[] {
  if (!existsSync("/proc/self/cwd")) return recordedServer(home);
  const data = join(realpathSync(home), "redis", "data");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === data;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** A configuration with a home of its own, which is gone after the test together with its server. */
export function freshConfig(): Config {
  const home = makeHome();
  onTestFinished(async () => {
    for (const pid of serversOf(home)) process.kill(pid, "SIGKILL");
    await eventually(() => {
      if (serversOf(home).length > 0) throw new Error("a server is left");
    });
    rmSync(home, { recursive: true });
  });
  const { redisUrl: _, ...config } = loadConfig(undefined, { home });
  return config;
}

/** A process of its own that uses the embedded Redis. */
export interface User {
  readonly url: string;
  /** What it was told. */
  readonly lines: readonly string[];
  readonly pid: number;
  /** Closes as a program should. */
  leave(): Promise<void>;
  /** Dies without a chance to clean up. */
  die(): Promise<void>;
  /** Resolves when the process is gone. */
  gone(): Promise<void>;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

interface How {
  readonly uid?: number;
  readonly gid?: number;
  /** In a process group of its own. */
  readonly detached?: boolean;
}

/** A process that is about to open the embedded Redis. It does not outlive the test. */
export function spawnUser(
  config: Config,
  options: OpenRedisOptions = {},
  how: How = {},
): ChildProcess {
  const args = [inject("builtFolder"), JSON.stringify(config), JSON.stringify(options)];
  const child = fork(PROGRAM, args, { execArgv: [], ...how });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended(child);
  });
  return child;
}

/** Starts a process that opens the embedded Redis; rejects with the error it got. */
export async function startUser(...args: Parameters<typeof spawnUser>): Promise<User> {
  const child = spawnUser(...args);
  const [answer] = (await once(child, "message")) as [
    { url: string; lines: string[]; code?: string; message?: string },
  ];
  if (answer.code !== undefined) throw Object.assign(new Error(answer.message), answer);
  return {
    ...answer,
    pid: child.pid ?? 0,
    leave: async () => {
      child.send("leave");
      await ended(child);
    },
    gone: () => ended(child),
    die: async () => {
      child.kill("SIGKILL");
      await ended(child);
    },
  };
}

/** Does something on a connection that ends with it. */
export async function onRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { retryStrategy: () => null });
  // The command that fails says it too.
  redis.on("error", () => {});
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { Redis } from "ioredis";
import type { TestProject } from "vitest/node";

import { isTuttiError, loadConfig } from "../../../config/index.ts";
import { openRedis } from "../../../queues/embedded-redis/index.ts";
import { KEPT } from "./kept.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The Redis of this test run. */
    redisUrl: string;
    /** Whether this machine can start servers of its own. */
    canEmbed: boolean;
    /** Folder with the compiled project, for tests that start real processes. */
    builtFolder: string;
  }
}

const CACHE = resolve("node_modules/.cache/tutti");
const BUILT = join(CACHE, "built");

/** A temporary `TUTTI_HOME`. A server that has to be downloaded is downloaded once for all of them. */
export function makeHome(): string {
  const home = mkdtempSync(join(tmpdir(), "tutti-home-"));
  mkdirSync(join(home, "redis"));
  for (const folder of ["bin", "lib"]) {
    mkdirSync(join(CACHE, "redis", folder), { recursive: true });
    symlinkSync(join(CACHE, "redis", folder), join(home, "redis", folder));
  }
  return home;
}

/** One Redis for the whole run: `REDIS_URL`, or a throwaway server that is gone afterwards. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const build = ["scripts/build.mjs", "--modules", "--no-check", "--if-stale", "--out", BUILT];
  execFileSync(process.execPath, build, { stdio: "inherit" });
  const home = makeHome();
  const { redisUrl, ...config } = loadConfig(process.env, { home });
  const embedded = await openRedis(config).catch((error: unknown) => {
    if (redisUrl !== undefined && isTuttiError(error) && error.code === "redis_not_found") return;
    throw error;
  });
  const url = redisUrl ?? embedded?.url ?? "";
  await withRedis(url, (redis) => redis.del(KEPT));
  project.provide("builtFolder", BUILT);
  project.provide("canEmbed", embedded !== undefined);
  project.provide("redisUrl", url);
  return async () => {
    // A server of somebody's own may hold what is not ours.
    const { kept, left } = await keysOf(url);
    if (process.env["KEEP"] === "1" && kept.length > 0) {
      process.stdout.write(`kept for you: redis-cli -u ${url}, keys ${kept.join("*, ")}*\n`);
      return;
    }
    await embedded?.close();
    rmSync(home, { recursive: true });
    if (redisUrl === undefined && left.length > 0)
      throw new Error(`tests left keys behind: ${left.slice(0, 20).join(", ")}`);
  };
}

/** The namespaces of failed tests, and the keys that no test has deleted though it should have. */
function keysOf(url: string): Promise<{ readonly kept: string[]; readonly left: string[] }> {
  return withRedis(url, async (redis) => {
    const kept = await redis.smembers(KEPT);
    const left: string[] = [];
    for await (const keys of redis.scanStream({ count: 1_000 }) as AsyncIterable<string[]>)
      left.push(
        ...keys.filter((key) => key !== KEPT && !kept.some((prefix) => key.startsWith(prefix))),
      );
    return { kept, left };
  });
}

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

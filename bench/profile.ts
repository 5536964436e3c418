import { Session, type Profiler } from "node:inspector/promises";

import { Redis } from "ioredis";

import { tuttiArm } from "./arms.ts";
import type { Shape } from "./shapes.ts";
import { round } from "./statistics.ts";

/** Where the time of a shape goes. */
export interface Profile {
  readonly shape: string;
  /** Share of the time in which Node was busy, by part. */
  readonly node: readonly { readonly what: string; readonly share: number }[];
  /** Redis' own time and calls per step, by command. */
  readonly redis: readonly {
    readonly command: string;
    readonly microseconds: number | null;
    readonly calls: number | null;
  }[];
}

const PARTS: readonly (readonly [RegExp, string])[] = [
  [/node_modules\/bullmq\//, "bullmq"],
  [/node_modules\/ioredis\/|redis-parser|@ioredis/, "ioredis"],
  [/node_modules\/msgpackr/, "msgpackr"],
  [/node_modules\//, "other packages"],
  [/\/(queues)\//, "tutti queues"],
  [/\/(processors)\//, "tutti processors"],
  [/\/(src|config)\//, "tutti src"],
  [/\/bench\//, "bench"],
  [/^node:/, "node"],
];

function partOf({ url, functionName }: Profiler.ProfileNode["callFrame"]): string | null {
  if (functionName === "(idle)") return null;
  if (functionName === "(garbage collector)") return "garbage collector";
  return PARTS.find(([pattern]) => pattern.test(url))?.[1] ?? "engine";
}

/** Runs a shape under Node's profiler and reads Redis' own counters. */
export async function profileOf(redisUrl: string, shape: Shape): Promise<Profile> {
  const redis = new Redis(redisUrl);
  const arm = await tuttiArm(redisUrl, shape);
  await arm.run(shape.runs);
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await redis.config("RESETSTAT");
  await session.post("Profiler.start");
  await arm.run(shape.runs);
  const { profile } = await session.post("Profiler.stop");
  const stats = await redis.info("commandstats");
  session.disconnect();
  await arm.close();
  redis.disconnect();
  return {
    shape: shape.name,
    node: sharesOf(profile),
    redis: commandsOf(stats, shape.runs * shape.dependencies.length),
  };
}

function sharesOf(profile: Profiler.Profile): Profile["node"] {
  const byId = new Map(profile.nodes.map((node) => [node.id, partOf(node.callFrame)]));
  const times = new Map<string, number>();
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const part = byId.get(id);
    if (part) times.set(part, (times.get(part) ?? 0) + (profile.timeDeltas?.[index] ?? 0));
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .map(([what, time]) => ({ what, share: time / total }))
    .toSorted((a, b) => b.share - a.share);
}

function commandsOf(stats: string, steps: number): Profile["redis"] {
  return [...stats.matchAll(/cmdstat_(\S+?):calls=(\d+),usec=(\d+)/g)]
    .map(([, command = "", calls, microseconds]) => ({
      command,
      calls: round(Number(calls) / steps),
      microseconds: round(Number(microseconds) / steps, 1),
    }))
    .toSorted((a, b) => (b.microseconds ?? 0) - (a.microseconds ?? 0))
    .slice(0, 8);
}

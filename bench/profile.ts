import { Session, type Profiler } from "node:inspector/promises";

import { Redis } from "ioredis";

import { tuttiArm } from "./arms.ts";
import type { Shape } from "./shapes.ts";
import { round } from "./statistics.ts";

/** Where the time of a shape goes. */
export interface Profile {
  readonly shape: string;
  /** Share of the time, by part. */
  readonly node: readonly { readonly what: string; readonly share: number }[];
  /** Redis' own time and calls per step, by command. */
  readonly redis: readonly {
    readonly command: string;
    readonly microseconds: number | null;
    readonly calls: number | null;
  }[];
}

const PARTS: readonly (readonly [RegExp, string])[] = [
  [/tutti\/bench\/queues\//, "tutti queues"],
  [/tutti\/bench\/processors\//, "tutti processors"],
  [/tutti\/bench\/(src|config)\//, "tutti src"],
  [/tutti\/bench\/bench\//, "bench"],
  [/node_modules\/bullmq\//, "bullmq"],
  [/node_modules\/ioredis\//, "ioredis"],
  [/node_modules\/msgpackr/, "msgpackr"],
  [/node_modules\//, "other packages"],
  [/^node:/, "node"],
];

/** What measuring costs; left out. */
const PROFILER = "profiler";

/** The part a frame belongs to; null when its caller has to say. */
function partOf({ url, functionName }: Profiler.ProfileNode["callFrame"]): string | null {
  if (functionName === "post" && url.includes("inspector")) return PROFILER;
  if (functionName === "(idle)") return "idle";
  if (functionName === "(garbage collector)") return "garbage collector";
  return PARTS.find(([pattern]) => pattern.test(url))?.[1] ?? null;
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

/** Node's own functions count for whoever called them. */
function sharesOf(profile: Profiler.Profile): Profile["node"] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const callers = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const owner = (id: number): string => {
    const own = partOf(nodes.get(id)!.callFrame);
    const caller = callers.get(id);
    if (own !== null && own !== "node") return own;
    return caller === undefined ? (own ?? "engine") : owner(caller);
  };
  const times = new Map<string, number>();
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const part = owner(id);
    times.set(part, (times.get(part) ?? 0) + (profile.timeDeltas?.[index] ?? 0));
  }
  times.delete(PROFILER);
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

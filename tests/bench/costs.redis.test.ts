import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Redis } from "ioredis";
import { expect, inject, test } from "vitest";

import { tuttiArm } from "../../bench/arms.ts";
import { SHAPES } from "../../bench/shapes.ts";
import { loadConfig } from "../../config/index.ts";
import { openRedis } from "../../queues/embedded-redis/index.ts";

/**
 * What a step may cost at most, with the gate: scripts called, and commands inside of them. No times: these counts are nearly
 * the same on every machine; how many steps share a call is not, so there is some room. They are to fall, never to rise.
 */
const MOST: Readonly<Record<string, { readonly scripts: number; readonly inside: number }>> = {
  "chain of 3": { scripts: 0.9, inside: 84 },
  "20 leaves + join": { scripts: 0.6, inside: 66 },
  "source -> 20 -> join": { scripts: 0.7, inside: 78 },
  "diamond of 5": { scripts: 0.9, inside: 84 },
  "100-step random DAG": { scripts: 0.9, inside: 84 },
};

/** Commands of clients; whatever else is counted was called by scripts. */
const OUTSIDE =
  /^(?:evalsha|eval|zcard|info|config\|resetstat|client|hello|ping|publish|subscribe)$/;

test.skipIf(!inject("canEmbed")).for(SHAPES)(
  "a step of $name costs no more than it did",
  { timeout: 120_000 },
  async (shape) => {
    const home = mkdtempSync(join(tmpdir(), "tutti-costs-"));
    const server = await openRedis(loadConfig({}, { home }));
    const redis = new Redis(server.url);
    try {
      const arm = await tuttiArm(server.url, shape);
      await arm.run(Math.ceil(shape.runs / 4));
      await redis.config("RESETSTAT");
      await arm.run(shape.runs);
      const stats = await redis.info("commandstats");
      await arm.close();
      const steps = shape.runs * shape.dependencies.length;
      const calls = [...stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(
        ([, name, count]) => [name!, Number(count) / steps] as const,
      );
      const sum = (is: (name: string) => boolean): number =>
        calls.filter(([name]) => is(name)).reduce((all, [, count]) => all + count, 0);
      const { scripts, inside } = MOST[shape.name]!;
      expect(sum((name) => name === "evalsha")).toBeLessThan(scripts);
      expect(sum((name) => !OUTSIDE.test(name))).toBeLessThan(inside);
    } finally {
      redis.disconnect();
      await server.close();
      rmSync(home, { recursive: true, force: true });
    }
  },
);

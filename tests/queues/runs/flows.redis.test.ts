import { FlowProducer, type FlowJob } from "bullmq";
import type { Redis } from "ioredis";
import { expect } from "vitest";

import { loadCatalogue } from "../../../config/index.ts";
import { Flows } from "../../../queues/client.ts";
import { MAX_LAG, RANKS_PER_LEVEL, RUNS_APART } from "../../../queues/gate/scripts/ranks.ts";
import {
  Creations,
  FlowTemplates,
  Keys,
  ToolQueues,
  type RunDefinition,
  type TreeNode,
} from "../../../queues/index.ts";
import { childOptions } from "../../../queues/worker.ts";
import { compile } from "../../../src/workflow/plan/compile.ts";
import { treeOf as treeOfRun } from "../../../src/workflow/plan/tree.ts";
import { prepare } from "../../../src/workflow/prepare.ts";
import { SHAPES, workflowOf, type Dag } from "../../support/drawn/dags.ts";
import { test } from "../../support/runner/redis.ts";

const planOf = (dag: Dag) => {
  const { definition, workflow, layout } = prepare(workflowOf(dag, "core.echo"), loadCatalogue());
  return { definition, hash: workflow.hash, layout };
};
const RUN_ID = "r.1-_";
/** Words that mean something to JSON, to patterns of Lua and to those who write them. */
const IDENTITY = {
  tenant: String.raw`t "%1" \n`,
  actor: "~a~\n\u2028",
  correlationId: "ü 😀 \ud800",
};

const treeOf = (dag: Dag, priority = 1_200): TreeNode[] =>
  compile(planOf(dag), {
    address: { workflowId: "dag", runId: RUN_ID, epoch: 0 },
    identity: IDENTITY,
    keys: { tenant: IDENTITY.tenant, steps: {} },
    priority,
  });

const runOf = (definition: RunDefinition, hash: string) => ({
  runId: RUN_ID,
  ...IDENTITY,
  definition,
  hash,
  input: "{}",
  inputHash: "i",
  priority: 5,
  timeoutMs: 60_000,
});

/** A run is submitted, and its jobs are added by what is stored of its workflow. Returns their rank; missing when it is large. */
async function submitted(redis: Redis, prefix: string, dag: Dag): Promise<number | undefined> {
  const { definition, hash } = planOf(dag);
  const queues = new ToolQueues(redis, prefix);
  const flows = new Flows(redis, queues, prefix);
  const creations = new Creations(redis, new Keys(prefix), new FlowTemplates(flows, treeOfRun));
  const run = runOf(definition, hash);
  const { rank, added } = await creations.create(run, 1);
  expect(added).toBe(dag.length <= 50);
  await flows.close();
  await queues.close();
  return added ? rank! : undefined;
}

/** The same tree, as FlowProducer is given one. */
function nested(tree: readonly TreeNode[]): FlowJob {
  const flows: FlowJob[] = tree.map(({ queue, jobId, name, data, parent, priority }) => {
    const { ignoreDependencyOnFailure, ...own } = childOptions(jobId);
    return {
      name,
      queueName: queue,
      data,
      opts: {
        ...own,
        ...(parent === -1 ? {} : { ignoreDependencyOnFailure }),
        ...(priority === undefined ? {} : { priority }),
      },
      children: [],
    };
  });
  for (const [index, { parent }] of tree.entries())
    if (parent >= 0) flows[parent]!.children!.push(flows[index]!);
  return flows[0]!;
}

const jobOf = (fields: object): object => ({
  ...fields,
  timestamp: "then",
  opts: JSON.parse((fields as { readonly opts: string }).opts),
});

/**
 * All that is kept under a prefix, without times, which differ, without what a queue's object writes when it is opened, and
 * without the order of what one script adds.
 */
async function keptUnder(redis: Redis, prefix: string): Promise<Record<string, unknown>> {
  const kept: Record<string, unknown> = {};
  for (const key of (await redis.keys(`${prefix}:*`)).toSorted()) {
    const read: Readonly<Record<string, () => Promise<unknown>>> = {
      hash: () => redis.hgetall(key),
      set: async () => (await redis.smembers(key)).toSorted(),
      list: () => redis.lrange(key, 0, -1),
      zset: async () => (await redis.zrange(key, "0", "-1")).toSorted(),
      stream: async () =>
        (await redis.xrange(key, "-", "+")).map(([, fields]) => fields.join(" ")).toSorted(),
      string: () => redis.get(key),
    };
    const value = await read[await redis.type(key)]!();
    const text = JSON.stringify(value).replaceAll(prefix, "P");
    const plain: unknown = JSON.parse(text);
    const isJob = typeof plain === "object" && plain !== null && "timestamp" in plain;
    if (!key.endsWith(":meta")) kept[key.slice(prefix.length)] = isJob ? jobOf(plain) : plain;
  }
  return kept;
}

const links = (tree: readonly TreeNode[]): number =>
  tree.reduce((sum, { data }) => sum + (data.links?.to.length ?? 0), 0);

test.for(Object.entries(SHAPES))(
  "a tree stands in Redis as FlowProducer would have added it: %s",
  async ([, dag], { redis, prefix }) => {
    const stored = `${prefix}-stored`;
    const rank = await submitted(redis, stored, dag);
    const tree = treeOf(dag, rank);
    const queues = new ToolQueues(redis, prefix);
    const flows = new Flows(redis, queues, prefix);
    await flows.add(tree, async () => {});
    const other = `${prefix}-other`;
    const producer = new FlowProducer({ connection: redis, prefix: other });
    await producer.add(nested(tree));
    const [ours, theirs] = [await keptUnder(redis, prefix), await keptUnder(redis, other)];
    if (rank !== undefined) expect(await keptUnder(redis, stored)).toEqual(ours);
    if (links(tree) === 0) expect(ours).toEqual(theirs);
    // A link is one more member of a set; what waits for links alone waits, where it would have begun.
    const jobs = (kept: Record<string, unknown>) =>
      Object.entries(kept).filter(([, value]) => (value as { opts?: unknown }).opts !== undefined);
    expect(jobs(ours)).toEqual(jobs(theirs));
    await producer.close();
    await flows.close();
    await queues.close();
  },
);

test("a step that several others need is shown under each of them", async ({ redis, prefix }) => {
  const tree = treeOf([[], [0], [0], [1, 2]]);
  expect(links(tree)).toBe(1);
  const queues = new ToolQueues(redis, prefix);
  const flows = new Flows(redis, queues, prefix);
  await flows.add(tree, async () => {});
  const producer = new FlowProducer({ connection: redis, prefix });
  const { queue: queueName, jobId: id } = tree[0]!;
  const flow = await producer.getFlow({ queueName, id });
  const shown = (node: typeof flow): string =>
    `${node.job.name}(${(node.children ?? []).map((child) => shown(child)).join(" ")})`;
  expect(shown(flow)).toMatch(
    /^s3\(s1\(s0\(\)\) s2\(s0\(\)\)\)$|^s3\(s2\(s0\(\)\) s1\(s0\(\)\)\)$/,
  );
  await producer.close();
  await flows.close();
  await queues.close();
});

test("of many runs at work some share a turn, in their order, and the ring is not round", async ({
  redis,
  prefix,
}) => {
  const { definition, hash } = planOf([[]]);
  const creations = new Creations(redis, new Keys(prefix));
  const ranks: number[] = [];
  for (let n = 0; n < 400; n++) {
    const run = { ...runOf(definition, hash), runId: `r${n}` };
    ranks.push((await creations.create(run, 1_000)).rank!);
  }
  expect(ranks).toEqual(ranks.toSorted((one, other) => one - other));
  expect(ranks.at(-1)! - ranks[0]!).toBeLessThan(RANKS_PER_LEVEL - MAX_LAG);
  // Those that are few have a turn each.
  expect(new Set(ranks.slice(0, RUNS_APART)).size).toBe(RUNS_APART);
});

import type { Job } from "bullmq";

import { given } from "../../../config/index.ts";
import {
  CONTROL_QUEUES,
  FIELDS,
  jobIds,
  jobOf,
  type RunDefinition,
  type RunPlaces,
  type StepJob,
  type StepRecord,
} from "../../../queues/index.ts";
import { childOptions, LAST_RANK, readKeys } from "../../../queues/worker.ts";
import type { CompiledDefinition } from "../definitions.ts";
import type { Engine } from "../engine.ts";
import { LAST_START } from "../pipeline/lost.ts";

/** The stage whose control job the items of `stepId` hang under: the first of its pipeline. */
function headOf(definition: RunDefinition, stepId: string, epoch: number): string {
  let head = stepId;
  for (;;) {
    const before = epoch > 0 ? undefined : definition.steps[head]?.forEach?.streams;
    if (before === undefined) return head;
    head = before;
  }
}

/** The stages behind `stepId` that take its items as they come. A resumed run waits for whole lists. */
export function stagesBehind(definition: RunDefinition, stepId: string, epoch: number): string[] {
  const stages: string[] = [];
  let next = epoch > 0 ? undefined : definition.steps[stepId]?.forEach?.feeds;
  while (next !== undefined) {
    stages.push(next);
    next = definition.steps[next]?.forEach?.feeds;
  }
  return stages;
}

/** What the jobs of a step have in common, without what is said of one of them. */
export function plainData({
  take: _take,
  spare: _spare,
  falls: _falls,
  handed: _handed,
  alt: _alt,
  links: _links,
  last: _last,
  ...data
}: StepJob): StepJob {
  return data;
}

/** What says where items go and how urgent they are: a job that is underway does not hear of a change. */
export const ABOUT = ["rank", FIELDS.lanes];

export interface About {
  readonly priority: number;
  readonly keys: RunPlaces["keys"];
}

export function aboutOf(
  { tenant }: StepJob,
  [rank, lanes]: readonly (string | null | undefined)[],
): About {
  return { priority: rank ? Number(rank) : LAST_RANK, keys: readKeys(tenant, lanes) };
}

/** Adds items of a forEach as children of the control job that waits for them. Adding twice is harmless. */
export async function addItems(
  engine: Engine,
  definition: RunDefinition,
  job: StepJob,
  items: readonly number[],
  known?: About,
): Promise<void> {
  const about = known ?? aboutOf(job, await engine.ledger.read(job.runId, ABOUT));
  const parent = {
    id: jobIds.step(job, headOf(definition, job.stepId, job.epoch)),
    queue: engine.queues.qualified(CONTROL_QUEUES.each),
  };
  const { limits, fallback } = definition.steps[job.stepId]!;
  // Items were admitted with their forEach: they wait, whatever the level.
  const data = plainData(job);
  const [first = 0] = items;
  const places = { definition, address: job, keys: about.keys };
  const { queue } = jobOf(places, { stepId: job.stepId, item: first });
  const jobs = items.map((item) => ({
    name: `${job.stepId}[${item}]`,
    data: {
      ...data,
      item,
      ...given({ take: limits }),
      ...(fallback === undefined ? {} : { falls: true }),
    },
    opts: {
      ...childOptions(jobIds.item(job, job.stepId, item)),
      priority: about.priority,
      parent,
    },
  }));
  await engine.queues.lanes.use([queue], () => engine.queues.get(queue).addBulk(jobs));
}

/**
 * Called by an item that has ended, before its job finishes: hands it on to the next stage of its
 * pipeline, or adds the item that takes its place. An item that is started again does it again; adding
 * twice is harmless.
 */
export async function feedNext(
  engine: Engine,
  { definition }: CompiledDefinition,
  job: Job<StepJob>,
  record: StepRecord,
): Promise<void> {
  const { item = 0, ...rest } = job.data;
  const { runId, epoch, stepId } = rest;
  const stages = stagesBehind(definition, stepId, epoch);
  const [next] = stages;
  if (next !== undefined && record.state === "completed") {
    const field = FIELDS.output(stepId, item);
    const [text, ...about] = await engine.ledger.read(runId, [field, ...ABOUT]);
    await engine.items.putOne(
      runId,
      next,
      item,
      (await engine.values.get(runId, field, text)) ?? null,
    );
    await addItems(engine, definition, { ...rest, stepId: next }, [item], aboutOf(rest, about));
    return;
  }
  let before = stepId;
  for (const stage of stages) {
    const reason = `${before}[${item}] ${before === stepId ? "failed" : "was skipped"}`;
    await engine.ledger.commit(
      { runId, epoch, stepId: stage, item, start: LAST_START },
      { outcome: "skipped", attempts: 0, reason },
    );
    before = stage;
  }
  const head = headOf(definition, stepId, epoch);
  const following = item + (definition.steps[head]?.forEach?.maxParallel ?? 1);
  const [count, ...about] = await engine.ledger.read(runId, [FIELDS.count(head), ...ABOUT]);
  if (following < Number(count))
    await addItems(
      engine,
      definition,
      { ...rest, stepId: head },
      [following],
      aboutOf(rest, about),
    );
}

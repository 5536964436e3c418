import { given } from "../../../config/index.ts";
import type { RunDefinition, StepDefinition } from "../../definition.ts";
import type { Gate } from "../../gate/gate.ts";
import type { Identity } from "../../jobs.ts";
import { CONTROL_QUEUES, jobIds, type RunAddress } from "../../names.ts";
import { queueOfCall, readKeys, type RunKeys } from "../../tools/lane-keys.ts";
import type { Flows, TreeNode } from "../flows.ts";
import { linksOf, type Links } from "../record/links.ts";
import { partName, partOf } from "../record/part-names.ts";
import { FIELDS, type Abort, type ParentStep, type RunState } from "../record/run-record.ts";
import type { Runs } from "../record/runs.ts";
import type { Waits } from "../record/waits.ts";
import type { Creations } from "./creations.ts";
import type { ReopenedSteps, TreeOf } from "./tree-of.ts";

/** Where the jobs of a run are. */
export interface RunPlaces {
  readonly definition: RunDefinition;
  readonly address: RunAddress;
  readonly keys: RunKeys;
}

/** What operations on a whole run need. */
export interface RunParts {
  readonly runs: Runs;
  readonly waits: Waits;
  readonly flows: Flows;
  readonly creations: Creations;
  readonly gate: Gate;
  readonly treeOf: TreeOf;
  /** How many runs of a tenant may be at work at the same time. */
  readonly maxRunning: number;
}

export interface FoundRun extends RunPlaces {
  readonly identity: Identity;
  readonly hash: string;
  readonly state: RunState;
  readonly abort: Abort | null;
  /** BullMQ's priority of its steps. */
  readonly priority: number;
  /** Whether its turn has come. */
  readonly admitted: boolean;
  /** Progress of adding a large tree: see {@link FIELDS.added}. */
  readonly added: string | null;
  /** The run that gave up its place among those at work, and may have none: this one, or the one it works for. */
  readonly away: string | null;
  /** It has a place again, and some of its steps may stand aside for that. */
  readonly returned: boolean;
  readonly parent?: ParentStep;
  readonly reopened?: ReopenedSteps;
}

/** Reads a run; null if there is none. */
export async function runOf({ runs }: RunParts, runId: string): Promise<FoundRun | null> {
  const found = await runs.headerAnd(runId, [
    FIELDS.abort,
    FIELDS.reopened,
    FIELDS.lanes,
    FIELDS.added,
    FIELDS.admittedAt,
    FIELDS.away,
    FIELDS.returned,
  ]);
  const definition = found === null ? null : await runs.definition(found.header.hash);
  if (found === null || definition === null) return null;
  const { header } = found;
  const [abort, reopened, lanes, added, admittedAt, away, returned] = found.more;
  const { tenant, actor, correlationId, hash, state, epoch, workflowId, parent } = header;
  return {
    address: { workflowId, runId, epoch },
    identity: { tenant, actor, correlationId },
    definition,
    keys: readKeys(tenant, lanes),
    hash,
    state,
    abort: abort ? (JSON.parse(abort) as Abort) : null,
    priority: header.rank,
    admitted: Boolean(admittedAt),
    added: added ?? null,
    away: away ?? null,
    returned: Boolean(returned),
    ...given({ parent }),
    ...(reopened ? { reopened: reopenedOf(reopened) } : {}),
  };
}

function reopenedOf(text: string): ReopenedSteps {
  const { steps, free } = JSON.parse(text) as { steps: string[]; free: string[] };
  return { steps: new Set(steps), free: new Set(free) };
}

/** The jobs of the current epoch of a run. */
export function treeOfRun({ treeOf }: RunParts, run: FoundRun): readonly TreeNode[] {
  return treeOf(run.definition, run.hash, run);
}

/** The links of a step whose job is gone. */
export function linksOfLost(parts: RunParts, run: FoundRun, stepId: string): Links | null {
  const node = treeOfRun(parts, run).find(({ data }) => data.stepId === stepId);
  return node === undefined ? null : linksOf(run.definition, { ...node.data, stepId });
}

/** A step, or one item of it. */
export interface StepOrItem {
  readonly stepId: string;
  readonly item?: number;
  readonly undo?: boolean;
  /** The call of its n-th alternative, counted from 1. */
  readonly alt?: { readonly n: number };
  readonly force?: boolean;
}

/** All steps of a run and the items of its forEach steps; with `ever`, also items of earlier epochs. */
export async function stepsOf(
  runs: Runs,
  runId: string,
  definition: RunDefinition,
  { ever = false }: { readonly ever?: boolean } = {},
): Promise<StepOrItem[]> {
  const each = Object.keys(definition.steps).filter(
    (id) => definition.steps[id]?.forEach !== undefined,
  );
  const own = Object.keys(definition.steps).map((stepId) => ({
    stepId,
    force: definition.steps[stepId]?.forEach !== undefined,
  }));
  if (each.length === 0) return own;
  const read = async (field: (id: string) => string): Promise<number[]> =>
    (await runs.fields(runId, each.map(field))).map((text) => Number(text ?? 0));
  const counts = await read((id) => FIELDS.count(id));
  const most = ever ? await read((id) => FIELDS.most(id)) : [];
  const items = each.flatMap((stepId, index) =>
    Array.from({ length: Math.max(counts[index]!, most[index] ?? 0) }, (_, item) => ({
      stepId,
      item,
    })),
  );
  return [...own, ...items];
}

/** The job of a step, of one item, or of the compensation of either. */
export function jobOf(run: RunPlaces, step: StepOrItem): { queue: string; jobId: string } {
  const { stepId, item, undo, alt } = step;
  const found = run.definition.steps[stepId]!;
  if (alt !== undefined)
    return {
      queue: found.fallback?.tools[alt.n - 1]?.tool ?? found.tool,
      jobId: jobIds.alternative(run.address, partName(stepId, item), alt.n),
    };
  const key = run.keys.steps[stepId];
  if (undo === true) {
    const { compensate = found } = found;
    return {
      queue: queueOfCall(compensate, run.keys, compensate.tool === found.tool ? key : undefined),
      jobId: jobIds.undo(run.address, item === undefined ? stepId : `${stepId}.${item}`),
    };
  }
  const call = queueOfCall(found, run.keys, key);
  if (item !== undefined) return { queue: call, jobId: jobIds.item(run.address, stepId, item) };
  return {
    queue: isControlStep(found) ? queueOf(found) : call,
    jobId: jobIds.step(run.address, stepId),
  };
}

/** The queue of a step itself: its tool's queue, even if the step uses a lane. */
export function queueOf(step: StepDefinition): string {
  if (step.forEach !== undefined) return CONTROL_QUEUES.each;
  if (step.wait !== undefined) return CONTROL_QUEUES.wait;
  return step.workflow === undefined ? step.tool : CONTROL_QUEUES.sub;
}

/** Whether a step itself calls no tool, because it waits or others call for it. */
export function isControlStep({ forEach, wait, workflow }: StepDefinition): boolean {
  return forEach !== undefined || wait !== undefined || workflow !== undefined;
}

/** The job of a step or item and those of its alternatives. Any of them may stand for it now. */
export function jobsOfStep(run: RunPlaces, step: StepOrItem): { queue: string; jobId: string }[] {
  const { fallback, forEach } = run.definition.steps[step.stepId]!;
  const own = jobOf(run, step);
  const isCall = step.undo !== true && (forEach === undefined || step.item !== undefined);
  if (fallback === undefined || !isCall) return [own];
  return [own, ...fallback.tools.map((_, index) => jobOf(run, { ...step, alt: { n: index + 1 } }))];
}

/** The jobs of these slots, for instance of those that wait for a place. */
export function jobsOf(
  run: RunPlaces,
  slots: readonly string[],
): { queue: string; jobId: string }[] {
  return slots.flatMap((text) => jobsOfStep(run, partOf(text)));
}

/** Where the other jobs of a job's run are. */
export async function placesOf(
  { runs }: Pick<RunParts, "runs">,
  definition: RunDefinition,
  job: RunAddress & Pick<Identity, "tenant">,
): Promise<RunPlaces> {
  const [text] = definition.keyed === true ? await runs.fields(job.runId, [FIELDS.lanes]) : [];
  return { definition, address: job, keys: readKeys(job.tenant, text) };
}

/** Where the jobs of each epoch of a run were. A replaced input may have led to other lanes. */
export async function formerPlaces(runs: Runs, run: FoundRun): Promise<RunPlaces[]> {
  const { definition, address } = run;
  const before = Array.from({ length: address.epoch }, (_, epoch) => FIELDS.lanesOf(epoch));
  const texts = definition.keyed === true ? await runs.fields(address.runId, before) : [];
  let { keys } = run;
  const places: RunPlaces[] = [];
  for (let epoch = address.epoch; epoch >= 0; epoch--) {
    if (texts[epoch]) keys = readKeys(keys.tenant, texts[epoch]);
    places.push({ definition, address: { ...address, epoch }, keys });
  }
  return places.toReversed();
}

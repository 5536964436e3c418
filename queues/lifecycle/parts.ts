import type { RunDefinition } from "../definition.ts";
import type { Flows, TreeNode } from "../flows.ts";
import type { Gate } from "../gate/gate.ts";
import type { Identity } from "../jobs.ts";
import { CONTROL_QUEUES, jobIds, type RunAddress } from "../names.ts";
import { FIELDS, slotOf, type Abort, type ParentStep, type RunState } from "../runs/run-record.ts";
import type { Runs } from "../runs/runs.ts";
import type { Waits } from "../runs/waits.ts";
import { jobPriority } from "./priority.ts";

/** The steps of an epoch of a run that was resumed; the others have ended before. */
export interface ReopenedSteps {
  readonly steps: ReadonlySet<string>;
  /** `any` steps among them that need not wait. */
  readonly free: ReadonlySet<string>;
}

/** The run whose jobs are compiled. */
export interface TreeRequest {
  readonly address: RunAddress;
  readonly identity: Identity;
  /** BullMQ's priority of its steps. */
  readonly priority: number;
  readonly reopened?: ReopenedSteps;
  /** The job that waits for this run. */
  readonly parent?: ParentStep;
}

/** The jobs of a run; the compiler is handed in, because it stands above this folder. */
export type TreeOf = (
  definition: RunDefinition,
  hash: string,
  request: TreeRequest,
) => readonly TreeNode[];

/** What is needed to do something to a whole run. */
export interface RunParts {
  readonly runs: Runs;
  readonly waits: Waits;
  readonly flows: Flows;
  readonly gate: Gate;
  readonly treeOf: TreeOf;
  /** Runs of a tenant that are at work at the same time. */
  readonly maxRunning: number;
}

export interface FoundRun {
  readonly address: RunAddress;
  readonly identity: Identity;
  readonly definition: RunDefinition;
  readonly hash: string;
  readonly state: RunState;
  readonly abort: Abort | null;
  /** BullMQ's priority of its steps. */
  readonly priority: number;
  readonly parent?: ParentStep;
  readonly reopened?: ReopenedSteps;
}

/** What is known of a run; null when there is none. */
export async function runOf({ runs }: RunParts, runId: string): Promise<FoundRun | null> {
  const header = await runs.header(runId);
  const definition = header === null ? null : await runs.definition(header.hash);
  if (header === null || definition === null) return null;
  const [abort, reopened] = await runs.fields(runId, [FIELDS.abort, FIELDS.reopened]);
  const { tenant, actor, correlationId, hash, state, epoch, workflowId, parent } = header;
  return {
    address: { workflowId, runId, epoch },
    identity: { tenant, actor, correlationId },
    definition,
    hash,
    state,
    abort: abort ? (JSON.parse(abort) as Abort) : null,
    priority: jobPriority(header.tag),
    ...(parent === undefined ? {} : { parent }),
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

/** A step, or one item of it. */
export interface StepOrItem {
  readonly stepId: string;
  readonly item?: number;
  readonly undo?: boolean;
  readonly force?: boolean;
}

/** All steps of a run and the items of its forEach steps; with `ever` also items of earlier epochs. */
export async function stepsOf(
  runs: Runs,
  runId: string,
  definition: RunDefinition,
  { ever = false }: { readonly ever?: boolean } = {},
): Promise<StepOrItem[]> {
  const each = Object.keys(definition.steps).filter(
    (id) => definition.steps[id]?.forEach !== undefined,
  );
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
  return [
    ...Object.keys(definition.steps).map((stepId) => ({
      stepId,
      force: definition.steps[stepId]?.forEach !== undefined,
    })),
    ...items,
  ];
}

/** The job of a step, of one item of it, or of what undoes it. */
export function jobOf(
  run: { readonly definition: RunDefinition; readonly address: RunAddress },
  step: StepOrItem,
): { queue: string; jobId: string } {
  const { stepId, item, undo } = step;
  const found = run.definition.steps[stepId]!;
  if (undo === true)
    return {
      queue: found.compensate?.tool ?? found.tool,
      jobId: jobIds.undo(run.address, item === undefined ? stepId : `${stepId}.${item}`),
    };
  if (item !== undefined)
    return { queue: found.tool, jobId: jobIds.item(run.address, stepId, item) };
  return { queue: queueOf(found), jobId: jobIds.step(run.address, stepId) };
}

/** The queue in which a step itself stands. */
export function queueOf(step: RunDefinition["steps"][string]): string {
  if (step.forEach !== undefined) return CONTROL_QUEUES.each;
  if (step.wait !== undefined) return CONTROL_QUEUES.wait;
  return step.workflow === undefined ? step.tool : CONTROL_QUEUES.sub;
}

/** The jobs behind slots, such as those that wait for a place. */
export function jobsOf(
  run: { readonly definition: RunDefinition; readonly address: RunAddress },
  slots: readonly string[],
): { queue: string; jobId: string }[] {
  return slots.map((slot) => jobOf(run, slotOf(slot)));
}

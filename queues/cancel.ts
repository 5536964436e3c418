import type { RunDefinition } from "./definition.ts";
import type { Flows, TreeNode } from "./flows.ts";
import type { Identity } from "./jobs.ts";
import { CONTROL_QUEUES, jobIds, type RunAddress } from "./names.ts";
import { FIELDS, isOpen, type Abort, type RunState } from "./run-record.ts";
import type { Runs } from "./runs.ts";

/** The jobs of a run; the compiler is handed in, because it stands above this folder. */
export type TreeOf = (
  definition: RunDefinition,
  hash: string,
  run: RunAddress,
  identity: Identity,
) => readonly TreeNode[];

/** What stopping a run needs. */
export interface CancelParts {
  readonly runs: Runs;
  readonly flows: Flows;
  readonly treeOf: TreeOf;
}

/** The state of a run that was stopped for this reason. */
export function abortedState(abort: Abort): RunState {
  switch (abort.kind) {
    case "cancel":
      return "cancelled";
    case "timeout":
      return "timed_out";
    case "fail_fast":
      return "failed";
  }
}

/**
 * Stops a run: what has not begun never will, what runs is aborted wherever it runs. Returns the state
 * now: an end, or `cancelling` while steps are still running. Null when there is no such run.
 */
export async function cancelRun(
  parts: CancelParts,
  runId: string,
  abort: Abort,
): Promise<RunState | null> {
  const { runs } = parts;
  const answer = await runs.cancel(runId, abort);
  if (answer === null) return null;
  if (answer.before === answer.now) return answer.now;
  const run = await runOf(parts, runId);
  if (run === null) return answer.now;
  const steps = await stepsOf(runs, runId, run.definition);
  await runs.cancelSteps(runId, steps, abort.reason);
  const ended = (await runs.cancelSettled(runId))
    ? await runs.finish(runId, run.identity.tenant, { state: abortedState(abort) })
    : null;
  // The jobs that are left would only find that there is nothing to do; queues nobody serves would keep them.
  await removeJobs(parts, run, steps, { root: false });
  return ended ?? "cancelling";
}

/**
 * Repairs a run whose canceller died: ends what is pending, and the run once nothing runs.
 * Returns the state now.
 */
export async function resumeCancel(parts: CancelParts, runId: string): Promise<RunState | null> {
  const run = await runOf(parts, runId);
  if (run === null || run.abort === null || run.state !== "cancelling") return run?.state ?? null;
  const steps = await stepsOf(parts.runs, runId, run.definition);
  if ((await parts.runs.cancelSteps(runId, steps, run.abort.reason)) > 0) return "cancelling";
  return parts.runs.finish(runId, run.identity.tenant, { state: abortedState(run.abort) });
}

/** Removes everything that is known of a run that has ended. */
export async function forgetRun(parts: CancelParts, runId: string): Promise<boolean> {
  const run = await runOf(parts, runId);
  if (run === null || isOpen(run.state)) return false;
  const steps = await stepsOf(parts.runs, runId, run.definition);
  if (!(await removeJobs(parts, run, steps, { root: true }))) return false;
  await parts.runs.forget(runId, {
    hash: run.hash,
    tenant: run.identity.tenant,
    forEachSteps: Object.keys(run.definition.steps).filter(
      (id) => run.definition.steps[id]?.forEach !== undefined,
    ),
    values: [
      FIELDS.input,
      "output",
      ...steps.map(({ stepId, item }) => FIELDS.output(stepId, item)),
    ],
  });
  return true;
}

export interface FoundRun {
  readonly address: RunAddress;
  readonly identity: Identity;
  readonly definition: RunDefinition;
  readonly hash: string;
  readonly state: RunState;
  readonly abort: Abort | null;
}

/** What is known of a run; null when there is none. */
export async function runOf({ runs }: CancelParts, runId: string): Promise<FoundRun | null> {
  const header = await runs.header(runId);
  const definition = header === null ? null : await runs.definition(header.hash);
  if (header === null || definition === null) return null;
  const [abort = null] = await runs.fields(runId, [FIELDS.abort]);
  const { tenant, actor, correlationId, hash, state, epoch, workflowId } = header;
  return {
    address: { workflowId, runId, epoch },
    identity: { tenant, actor, correlationId },
    definition,
    hash,
    state,
    abort: abort === null ? null : (JSON.parse(abort) as Abort),
  };
}

/** A step, or one item of it. */
interface StepOrItem {
  readonly stepId: string;
  readonly item?: number;
  readonly force?: boolean;
}

/** All steps of a run and the items of its forEach steps. */
export async function stepsOf(
  runs: Runs,
  runId: string,
  definition: RunDefinition,
): Promise<StepOrItem[]> {
  const each = Object.keys(definition.steps).filter(
    (id) => definition.steps[id]?.forEach !== undefined,
  );
  const counts = await runs.fields(
    runId,
    each.map((id) => FIELDS.count(id)),
  );
  const items = each.flatMap((stepId, index) =>
    Array.from({ length: Number(counts[index] ?? 0) }, (_, item) => ({ stepId, item })),
  );
  return [
    ...Object.keys(definition.steps).map((stepId) => ({
      stepId,
      force: definition.steps[stepId]?.forEach !== undefined,
    })),
    ...items,
  ];
}

/** Removes the jobs of a run, parents first; false when some are locked by a worker. */
function removeJobs(
  parts: CancelParts,
  run: FoundRun,
  steps: readonly StepOrItem[],
  options: { root: boolean },
): Promise<boolean> {
  const tree = parts.treeOf(run.definition, run.hash, run.address, run.identity);
  const items = steps.flatMap(({ stepId, item }) =>
    item === undefined
      ? []
      : [
          {
            queue: run.definition.steps[stepId]!.tool,
            jobId: jobIds.item(run.address, stepId, item),
          },
        ],
  );
  const nodes = options.root ? tree : tree.filter((node) => node.queue !== CONTROL_QUEUES.run);
  return parts.flows.remove([...nodes, ...items]);
}

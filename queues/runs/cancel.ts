import type { RunDefinition } from "../definition.ts";
import { holdJobs, type Flows, type TreeNode } from "../flows.ts";
import type { Identity } from "../jobs.ts";
import { CONTROL_QUEUES, jobIds, type RunAddress } from "../names.ts";
import { FIELDS, isOpen, parseStepRecord, type Abort, type RunState } from "./run-record.ts";
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
  const running = await runs.cancelSteps(runId, steps, abort.reason);
  const ended = (await runs.cancelSettled(runId))
    ? await runs.finish(runId, run.identity.tenant, { state: abortedState(abort) })
    : null;
  // The jobs that are left would only find that there is nothing to do; queues nobody serves would keep them.
  // Those that run stay: when their worker is dead, their jobs are what ends them.
  await removeJobs(parts, run, steps, { root: false, except: running });
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
  const running = await parts.runs.cancelSteps(runId, steps, run.abort.reason);
  // A job that is gone ends no step; somebody removed it.
  const gone = await missing(parts, run, running);
  if (gone.length > 0) {
    const forced = gone.map((step) => ({ ...step, force: true }));
    await parts.runs.cancelSteps(runId, forced, run.abort.reason);
  }
  if (running.length > gone.length) return "cancelling";
  return parts.runs.finish(runId, run.identity.tenant, { state: abortedState(run.abort) });
}

/**
 * Lets the steps of a run that pause before another attempt start at once. They find that the run is
 * being stopped and end, instead of holding it up for the rest of their pause.
 */
export async function hurryRetries(parts: CancelParts, runId: string): Promise<void> {
  const run = await runOf(parts, runId);
  if (run === null) return;
  const steps = await stepsOf(parts.runs, runId, run.definition);
  const records = await parts.runs.fields(
    runId,
    steps.map(({ stepId, item }) => FIELDS.record(stepId, item)),
  );
  const retrying = steps.filter((_, index) => parseStepRecord(records[index]).state === "retrying");
  await parts.flows.promote(retrying.map((step) => jobOf(run, step)));
}

/** Those of `steps` that have no job. */
async function missing(
  parts: CancelParts,
  run: FoundRun,
  steps: readonly StepOrItem[],
): Promise<StepOrItem[]> {
  const there = await Promise.all(
    steps.map((step) => {
      const { queue, jobId } = jobOf(run, step);
      return parts.flows.has(queue, jobId);
    }),
  );
  return steps.filter((_, index) => there[index] === false);
}

/** The job of a step, or of one item of it. */
export function jobOf(
  run: { readonly definition: RunDefinition; readonly address: RunAddress },
  { stepId, item }: StepOrItem,
): { queue: string; jobId: string } {
  const step = run.definition.steps[stepId]!;
  if (item !== undefined)
    return { queue: step.tool, jobId: jobIds.item(run.address, stepId, item) };
  const queue = step.forEach === undefined ? step.tool : CONTROL_QUEUES.each;
  return { queue, jobId: jobIds.step(run.address, stepId) };
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
  options: { root: boolean; except?: readonly StepOrItem[] },
): Promise<boolean> {
  const tree = parts.treeOf(run.definition, run.hash, run.address, run.identity);
  const items = steps.filter(({ item }) => item !== undefined).map((step) => jobOf(run, step));
  const nodes = options.root ? tree : tree.filter((node) => node.queue !== CONTROL_QUEUES.run);
  const name = (job: { queue: string; jobId: string }) => `${job.queue} ${job.jobId}`;
  const kept = new Set((options.except ?? []).map((step) => name(jobOf(run, step))));
  const all = [...nodes, ...holdJobs(tree), ...items];
  return parts.flows.remove(all.filter((job) => !kept.has(name(job))));
}

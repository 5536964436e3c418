import { CONTROL_PREFIX, CONTROL_QUEUES, jobIds } from "../../names.ts";
import { partName, partOf } from "../record/part-names.ts";
import {
  FIELDS,
  isOpen,
  parseStepRecord,
  type Abort,
  type RunState,
} from "../record/run-record.ts";
import { conclude } from "./conclude.ts";
import {
  formerPlaces,
  jobOf,
  jobsOf,
  jobsOfStep,
  runOf,
  stepsOf,
  treeOfRun,
  type FoundRun,
  type RunParts,
  type StepOrItem,
} from "./parts.ts";
import { childRuns } from "./sub-runs.ts";

/** The state of a run that was stopped for this reason. */
export function abortedState(abort: Abort): RunState {
  switch (abort.kind) {
    case "cancel":
      return "cancelled";
    case "timeout":
      return "timed_out";
    case "policy":
      return "failed";
  }
}

/**
 * Stops a run: steps that have not begun never will, and running calls are aborted wherever they run. Returns the
 * state: an end, or `cancelling` while steps still run. Null if there is no such run.
 */
export async function cancelRun(
  parts: RunParts,
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
  const running = await runs.cancelSteps(runId, run.address.epoch, steps, abort.reason);
  await callBack(parts, run, running);
  for (const child of childRuns(run, running)) await cancelRun(parts, child, abort);
  const ended = (await runs.cancelSettled(runId))
    ? await conclude(parts, run, { state: abortedState(abort) })
    : null;
  // The remaining jobs would only find that there is nothing to do, and queues nobody serves would keep them. Jobs of
  // running steps stay: if their worker is dead, they end those steps.
  await removeJobs(parts, run, steps, { root: false, except: running });
  return ended ?? "cancelling";
}

/** Repairs a run whose canceller died: ends pending steps, and the run once nothing runs. Returns the state. */
export async function resumeCancel(parts: RunParts, runId: string): Promise<RunState | null> {
  const run = await runOf(parts, runId);
  if (run === null || run.abort === null || run.state !== "cancelling") return run?.state ?? null;
  const { epoch } = run.address;
  const steps = await stepsOf(parts.runs, runId, run.definition);
  const running = await parts.runs.cancelSteps(runId, epoch, steps, run.abort.reason);
  await callBack(parts, run, running);
  for (const child of childRuns(run, running)) await cancelRun(parts, child, run.abort);
  // A step whose job is gone would never end; somebody removed the job.
  const gone = await missing(parts, run, running);
  if (gone.length > 0) {
    const forced = gone.map((step) => ({ ...step, force: true }));
    await parts.runs.cancelSteps(runId, epoch, forced, run.abort.reason);
  }
  if (running.length > gone.length) return "cancelling";
  return conclude(parts, run, { state: abortedState(run.abort) });
}

/**
 * Calls the jobs of steps that began and now stand aside, because their run was held when they were entered again. They
 * find that it is being stopped, and end. Nothing else would wake them.
 */
async function callBack(
  parts: RunParts,
  run: FoundRun,
  running: readonly StepOrItem[],
): Promise<void> {
  const jobs = running.flatMap((step) => jobsOfStep(run, step));
  await parts.gate.pass(jobs.filter(isOfTool));
  await parts.flows.promote(jobs);
}

const isOfTool = ({ queue }: { readonly queue: string }): boolean =>
  !queue.startsWith(CONTROL_PREFIX);

/**
 * Starts the steps of a run that pause before another attempt or wait for anything else. They find that the run or
 * their group is being stopped and end, instead of holding it up. With `group`, only its steps.
 */
export async function wakeWaitingSteps(
  parts: RunParts,
  runId: string,
  group?: string,
): Promise<void> {
  const run = await runOf(parts, runId);
  if (run === null) return;
  const concerned = ({ stepId }: StepOrItem): boolean =>
    group === undefined || run.definition.steps[stepId]?.group === group;
  const steps = (await stepsOf(parts.runs, runId, run.definition)).filter(concerned);
  const records = await parts.runs.fields(
    runId,
    steps.map(({ stepId, item }) => FIELDS.record(stepId, item)),
  );
  const states = records.map((text) => parseStepRecord(text).state);
  // None of them will call its tool, so the gate lets them pass.
  const open = steps.filter((_, index) => parseStepRecord(records[index]).finishedAtMs === null);
  await parts.gate.pass(open.flatMap((step) => jobsOfStep(run, step)).filter(isOfTool));
  const idle = steps.filter(
    (_, index) => states[index] === "retrying" || states[index] === "waiting",
  );
  const running = steps.filter((_, index) => states[index] === "running");
  const abort: Abort = { kind: "cancel", reason: "the run it works for is being stopped" };
  for (const child of childRuns(run, running)) await cancelRun(parts, child, abort);
  const slots = await parts.waits.aside(runId);
  const aside = jobsOf(
    run,
    slots.filter((one) => concerned(partOf(one))),
  );
  await parts.flows.promote([...idle.flatMap((step) => jobsOfStep(run, step)), ...aside]);
}

/** Those of `steps` that have no job. */
async function missing(
  parts: RunParts,
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

/** Removes everything about an ended run. */
export async function forgetRun(parts: RunParts, runId: string): Promise<boolean> {
  const run = await runOf(parts, runId);
  if (run === null || isOpen(run.state)) return false;
  const steps = await stepsOf(parts.runs, runId, run.definition, { ever: true });
  // It is no longer known which epochs were undone.
  const able = steps.filter(({ stepId }) => run.definition.steps[stepId]?.compensate !== undefined);
  for (const places of await formerPlaces(parts.runs, run)) {
    const { reopened: _, ...whole } = run;
    const then = { ...whole, ...places };
    if (!(await removeJobs(parts, then, steps, { root: true }))) return false;
    if (able.length > 0 && !(await removeUndoJobs(parts, then, able))) return false;
  }
  await parts.runs.forget(runId, {
    hash: run.hash,
    tenant: run.identity.tenant,
    forEachSteps: Object.keys(run.definition.steps).filter(
      (id) => run.definition.steps[id]?.forEach !== undefined,
    ),
    slots: [
      ...steps.map(({ stepId, item }) => partName(stepId, item)),
      ...able.map(({ stepId, item }) => partName(stepId, item, true)),
    ],
  });
  return true;
}

/** Removes the jobs of an epoch of a run, parents first. False if a worker has locked some. */
async function removeJobs(
  parts: RunParts,
  run: FoundRun,
  steps: readonly StepOrItem[],
  options: { root: boolean; except?: readonly StepOrItem[] },
): Promise<boolean> {
  const tree = treeOfRun(parts, run);
  const ours = steps.flatMap((step) => {
    const [own, ...alternatives] = jobsOfStep(run, step);
    return step.item === undefined ? alternatives : [own!, ...alternatives];
  });
  const nodes = options.root ? tree : tree.filter((node) => node.queue !== CONTROL_QUEUES.run);
  const name = (job: { queue: string; jobId: string }) => `${job.queue} ${job.jobId}`;
  const kept = new Set((options.except ?? []).flatMap((step) => jobsOfStep(run, step).map(name)));
  // Older versions gave every run a root job.
  const root = { queue: CONTROL_QUEUES.run, jobId: jobIds.run(run.address) };
  const all = [...(options.root ? [root] : []), ...nodes, ...ours];
  return parts.flows.remove(all.filter((job) => !kept.has(name(job))));
}

/** Removes the jobs that undid an epoch of a run. */
function removeUndoJobs(
  parts: RunParts,
  run: FoundRun,
  steps: readonly StepOrItem[],
): Promise<boolean> {
  const root = { queue: CONTROL_QUEUES.run, jobId: jobIds.undoing(run.address) };
  return parts.flows.remove([root, ...steps.map((step) => jobOf(run, { ...step, undo: true }))]);
}

import {
  CONTROL_QUEUES,
  FIELDS,
  jobOf,
  parseStepRecord,
  partName,
  stepsOf,
  type FoundRun,
  type Ledger,
  type RunParts,
  type StepOrItem,
  type StepRecord,
} from "../../queues/index.ts";
import { enqueueUndo, jobsOf, linksOfLost, parkAgain, treeOfRun } from "../../queues/worker.ts";
import { endRun } from "../steps/pipeline/end-run.ts";
import { LAST_START } from "../steps/pipeline/lost.ts";

/** What repairing needs. */
export interface RepairParts extends RunParts {
  readonly ledger: Ledger;
}

/** What was repaired of a run; each is a name of a step or item. */
export interface Repairs {
  /** Jobs that were told to go on, because who should have told them died. */
  readonly released: string[];
  /** Steps whose job somebody removed: they have failed. */
  readonly lost: string[];
}

/** Jobs whose states are asked for together. */
const STATES_AT_ONCE = 100;

type Job = { readonly queue: string; readonly jobId: string };

/**
 * Repairs an open run in which something could go on and does not: a step whose dependencies have ended, a wait
 * that was decided, a place that was given, a pause that is over, a job that is gone, a root without
 * anything below it. All of it is harmless when nothing is wrong.
 */
export async function repairRun(
  parts: RepairParts,
  run: FoundRun,
  nowMs: number,
): Promise<Repairs> {
  const repairs: Repairs = { released: [], lost: [] };
  const { runId } = run.address;
  if (run.state === "compensating") {
    await enqueueUndo(parts, runId);
    const able = Object.entries(run.definition.steps).filter(([, step]) => step.compensate);
    const undoing = able.map(([stepId]) => ({ stepId, undo: true }));
    await keepLanes(parts, run, undoing);
    return repairs;
  }
  // One that was held before its first step began, and let go, is queued.
  if (run.state === "queued") await callAside(parts, run, repairs);
  if (run.state !== "running" && run.state !== "parked") return repairs;
  const steps = await stepsOf(parts.runs, runId, run.definition);
  const fields = steps.map(({ stepId, item }) => FIELDS.record(stepId, item));
  const texts = await parts.runs.fields(runId, fields);
  const records = new Map(fields.map((field, index) => [field, parseStepRecord(texts[index])]));
  const open = steps.filter(
    ({ stepId, item }) => records.get(FIELDS.record(stepId, item))!.finishedAtMs === null,
  );
  await keepLanes(parts, run, open);
  await callAside(parts, run, repairs);
  await callPlaced(parts, run, steps, records, repairs);
  const looked = open.flatMap((step) => {
    const record = records.get(FIELDS.record(step.stepId, step.item))!;
    const mayBeStuck =
      step.item === undefined ? isReady(run, step.stepId, records) : record.state !== "pending";
    return mayBeStuck ? [{ step, record }] : [];
  });
  for (let from = 0; from < looked.length; from += STATES_AT_ONCE) {
    const some = looked.slice(from, from + STATES_AT_ONCE);
    const states = await Promise.all(
      some.map(({ step }) => {
        const { queue, jobId } = jobOf(run, step);
        return parts.flows.stateOf(queue, jobId);
      }),
    );
    for (const [index, { step, record }] of some.entries()) {
      const state = states[index]!;
      if (step.item === undefined)
        await repairStep(parts, run, { step, record, state, nowMs }, repairs);
      else if (isFinished(state)) await callFinished(parts, run, step, repairs);
    }
  }
  if (open.length === 0) await repairRoot(parts, run, repairs);
  else if (run.state === "running" && repairs.released.length + repairs.lost.length === 0)
    await parkAgain(parts, run.definition, runId);
  return repairs;
}

/** Who added jobs may have been so slow that their lane was dropped before they came. */
async function keepLanes(
  parts: RepairParts,
  run: FoundRun,
  steps: readonly StepOrItem[],
): Promise<void> {
  await parts.flows.keepLanes(steps.map((step) => jobOf(run, step).queue));
}

/** Whether nothing keeps a step from deciding. */
function isReady(
  { definition }: FoundRun,
  stepId: string,
  records: ReadonlyMap<string, StepRecord>,
): boolean {
  const { needs, join } = definition.steps[stepId]!;
  const on = needs.map((need) => records.get(FIELDS.record(need)));
  return (
    on.every((record) => record?.finishedAtMs !== null) ||
    (join === "any" && on.some((record) => record?.state === "completed"))
  );
}

/** Jobs that stand aside although their run is not held and has a place. */
async function callAside(parts: RepairParts, run: FoundRun, repairs: Repairs): Promise<void> {
  const { runId } = run.address;
  // It stands in its tenant's line.
  if (run.away !== null && (await parts.waits.isAway(run.away))) return;
  const slots = await parts.waits.heldBack(runId);
  if (slots.length === 0) return;
  await parts.flows.promote(jobsOf(run, slots));
  await parts.waits.calledBack(runId, slots);
  repairs.released.push(...slots);
}

/** Steps and items that have a place among the calls, and whose jobs still stand aside. */
async function callPlaced(
  parts: RepairParts,
  run: FoundRun,
  steps: readonly StepOrItem[],
  records: ReadonlyMap<string, StepRecord>,
  repairs: Repairs,
): Promise<void> {
  if (run.definition.width === undefined) return;
  const open = steps.filter(({ stepId, item }) => {
    const { state } = records.get(FIELDS.record(stepId, item))!;
    return state === "pending" || state === "retrying";
  });
  const names = open.map(({ stepId, item }) => partName(stepId, item));
  const places = await parts.runs.fields(
    run.address.runId,
    names.map((name) => FIELDS.place(name)),
  );
  for (const [index, step] of open.entries()) {
    if (!places[index]) continue;
    const job = jobOf(run, step);
    if ((await parts.flows.stateOf(job.queue, job.jobId)) === "delayed")
      await release(parts, [job], names[index]!, repairs);
  }
}

async function repairStep(
  parts: RepairParts,
  run: FoundRun,
  {
    step,
    record,
    state,
    nowMs,
  }: { step: StepOrItem; record: StepRecord; state: string; nowMs: number },
  repairs: Repairs,
): Promise<void> {
  const { runId, epoch } = run.address;
  const { stepId } = step;
  const job = jobOf(run, step);
  if (state === "unknown") {
    const ending = {
      outcome: "failed",
      attempts: record.attempts,
      error: { code: "internal_error", message: "its job was removed before it ended" },
      dead: true,
    } as const;
    const links = linksOfLost(parts, run, stepId);
    await parts.ledger.commit({ runId, epoch, stepId, start: LAST_START, links }, ending);
    repairs.lost.push(stepId);
    return;
  }
  if (state === "waiting-children" && record.state === "pending") {
    await parts.flows.releaseLinked(treeOfRun(parts, run), job.jobId);
    repairs.released.push(stepId);
    return;
  }
  if (isFinished(state)) await callFinished(parts, run, step, repairs);
  if (state !== "delayed") return;
  const [decision] = await parts.runs.fields(runId, [FIELDS.decision(stepId)]);
  // Nothing keeps it aside: who moved it there died before looking again. In mode adaptive it may stand in line.
  const forgotten = record.state === "pending" && run.definition.width === undefined;
  const isOver = record.state === "waiting" && (decision || endsBy(run, stepId, record) < nowMs);
  if (forgotten || isOver) await release(parts, [job], stepId, repairs);
}

/** When a wait is over whatever nobody decides; its job may have been told another time. Milliseconds since 1970. */
function endsBy(run: FoundRun, stepId: string, { reason = "", startedAtMs }: StepRecord): number {
  const { wait, timeoutMs } = run.definition.steps[stepId]!;
  if (wait?.kind === "timer") return Date.parse(reason.replace(/^until /, ""));
  return timeoutMs > 0 ? (startedAtMs ?? Infinity) + timeoutMs : Infinity;
}

type FinishedState = "completed" | "failed";
const isFinished = (state: string): state is FinishedState =>
  state === "completed" || state === "failed";

/**
 * A job that has finished although its step has not ended, whatever the reason: it is entered again. What is
 * written was read before; the step may have ended since then.
 */
async function callFinished(
  parts: RepairParts,
  run: FoundRun,
  step: StepOrItem,
  repairs: Repairs,
): Promise<void> {
  const job = jobOf(run, step);
  const state = await parts.flows.stateOf(job.queue, job.jobId);
  if (!isFinished(state)) return;
  const field = FIELDS.record(step.stepId, step.item);
  const [text] = await parts.runs.fields(run.address.runId, [field]);
  if (parseStepRecord(text).finishedAtMs !== null) return;
  if (await parts.flows.again(job, state)) repairs.released.push(partName(step.stepId, step.item));
}

/** Lets a root go on below which nothing is left to do; one that is gone is added anew. */
async function repairRoot(parts: RepairParts, run: FoundRun, repairs: Repairs): Promise<void> {
  const tree = treeOfRun(parts, run);
  const root = tree[0]!;
  if (root.queue !== CONTROL_QUEUES.run) {
    await endRun(parts, run.definition, run.address);
    repairs.released.push("the run");
    return;
  }
  const state = await parts.flows.stateOf(root.queue, root.jobId);
  if (state === "unknown") {
    await parts.flows.add([root], async () => {});
    repairs.released.push("the run");
  } else if (state === "waiting-children") {
    await parts.flows.releaseLinked(tree);
    repairs.released.push("the run");
  }
}

async function release(
  parts: RepairParts,
  jobs: readonly Job[],
  name: string,
  repairs: Repairs,
): Promise<void> {
  await parts.flows.promote(jobs);
  repairs.released.push(name);
}

import { DelayedError, WaitingChildrenError, type Job } from "bullmq";

import { messageOf, readJson, TuttiError, type Json } from "../../../config/index.ts";
import {
  FIELDS,
  parseStepRecord,
  type Abort,
  type StepError,
  type StepJob,
  type StepRecord,
} from "../../../queues/index.ts";
import { assertPayload, isAside, type Ending } from "../../../queues/worker.ts";
import { EARLY_MS, resting, skipped, type Candidate } from "../course/admit.ts";
import { addressOf, setAside } from "../course/aside.ts";
import { finish, stepError, type Finished } from "../course/finish.ts";
import { LAST_START, lossesOf } from "../course/lost.ts";
import { settle } from "../course/settle.ts";
import { consequencesOf } from "../decisions/policy.ts";
import type { CompiledStep } from "../definitions.ts";
import type { Engine } from "../engine.ts";
import { fieldsOf, sortOut, type Found } from "../inputs.ts";
import { addItems, stagesBehind } from "./feed.ts";
import { leavesJob } from "./leaving.ts";

/** Items of one forEach. Above this its joined output would not fit anyway. */
const MAX_ITEMS = 100_000;

/**
 * Runs a forEach step. Its first entry adds the first `maxParallel` items as children and waits for
 * them; each item adds the one `maxParallel` places behind it before it ends, so that never more than
 * that many jobs wait. When no child is left, the job is entered again and joins the results.
 */
export function eachProcessor(
  engine: Engine,
): (job: Job<StepJob>, token?: string) => Promise<Finished> {
  return async (job, token) => {
    assertPayload(job.data);
    const { stepId } = job.data;
    const workflow = await engine.definitions.get(job.data.definition);
    const step = workflow?.step(stepId);
    if (workflow === undefined || step === undefined) return { state: "gone" };
    const address = addressOf(job, step.definition.group);
    const fields = [...fieldsOf(step, job.data), FIELDS.count(stepId)];
    const begun = await engine.ledger.begin(address, { once: false, calls: false, fields });
    if (begun.status === "gone" || begun.status === "fenced") return { state: begun.status };
    if (isAside(begun)) return setAside(engine, job, token, address, begun.status);
    if (begun.status === "done") return finish(begun.record);
    const work: Candidate = { engine, job, workflow, step, address, token };
    const ending: Ending =
      begun.abort === undefined
        ? await advance(work, begun.values)
        : await stopped(engine, job.data, Number(begun.values.at(-1) ?? 0), begun.abort.reason);
    const record = await settle(work, ending);
    return record === null ? { state: "gone" } : finish(record);
  };
}

/** The ending of a forEach whose run is being stopped: failed when it was one of its own items that failed. */
async function stopped(
  engine: Engine,
  job: StepJob,
  count: number,
  reason: string,
): Promise<Ending> {
  const { stepId } = job;
  const items = Array.from({ length: count }, (_, item) => ({ stepId, item }));
  await engine.runs.cancelSteps(job.runId, job.epoch, items, reason);
  const fields = items.map(({ item }) => FIELDS.record(stepId, item));
  const records = (await engine.runs.fields(job.runId, fields)).map((text) =>
    parseStepRecord(text),
  );
  const bad = records.filter((record) => record.state === "failed");
  return bad.length > 0
    ? joined(engine, job, records, bad)
    : { outcome: "cancelled", attempts: 0, reason };
}

async function advance(work: Candidate, values: readonly (string | null)[]): Promise<Ending> {
  const { engine, job, step } = work;
  const known = values.at(-1);
  let count: number;
  const lost = lossesOf(job, "began this forEach or put its results together");
  if (known === null || known === undefined) {
    if (lost !== null) return failure(work, lost);
    let items: readonly Json[];
    try {
      const found = await sortOut(engine, job.data, step, values);
      const ending = (await skipped(work, found)) ?? (await resting(work));
      if (ending !== null) return ending;
      items = itemsOf(step, found);
    } catch (thrown) {
      if (leavesJob(thrown)) throw thrown;
      return failure(work, stepError(thrown));
    }
    count = items.length;
    await engine.items.put(job.data.runId, job.data.stepId, items);
    // Written last: from here on the items stand, and a crash goes on with them.
    const { runId, stepId, epoch } = job.data;
    for (const stage of stagesBehind(work.workflow.definition, stepId, epoch))
      await engine.runs.note(runId, FIELDS.count(stage), String(count));
    await engine.runs.note(runId, FIELDS.count(stepId), String(count));
    // Who stopped the run in between did not know of these items.
    const [own, inner] = await engine.runs.fields(runId, [
      FIELDS.abort,
      FIELDS.groupAbort(work.address.group ?? ""),
    ]);
    const abort = own ?? inner;
    if (abort) return stopped(engine, job.data, count, readJson<Abort>(abort).reason);
  } else {
    count = Number(known);
  }
  return join(work, count, lost);
}

function itemsOf(step: CompiledStep, found: Found): readonly Json[] {
  const items = step.items?.render(found.variables);
  if (!Array.isArray(items)) {
    throw new TuttiError(
      "reference_missing",
      `expected forEach to yield a list, got: ${JSON.stringify(items)?.slice(0, 80)}`,
    );
  }
  if (items.length > MAX_ITEMS) {
    throw new TuttiError(
      "payload_too_large",
      `expected forEach to yield at most ${MAX_ITEMS} items, got: ${items.length}`,
    );
  }
  return items;
}

/** Waits until every item has ended, then puts their outputs together. */
async function join(work: Candidate, count: number, lost: StepError | null): Promise<Ending> {
  const { engine, job, step, workflow, token } = work;
  const { runId, stepId, epoch } = job.data;
  const all = Array.from({ length: count }, (_, item) => item);
  const read = await engine.runs.fields(
    runId,
    all.map((item) => FIELDS.record(stepId, item)),
  );
  const records = read.map((text) => parseStepRecord(text));
  await skipUnreached(work, records);
  const open = all.filter((item) => records[item]?.finishedAtMs === null);
  if (open.length > 0) {
    const window = frontOf(open, step.definition.forEach?.maxParallel ?? 1);
    await addItems(engine, workflow.definition, job.data, window);
    // Every item may have ended in between; then there is nothing to wait for, and BullMQ enters again.
    if (token !== undefined && (await job.moveToWaitingChildren(token)))
      throw new WaitingChildrenError();
    throw new TuttiError(
      "internal_error",
      `items ${window.join(", ")} of ${stepId} ended while they were added`,
    );
  }
  // The last items may still be in a later stage; their jobs are children of this one.
  if (stagesBehind(workflow.definition, stepId, epoch).length > 0 && token !== undefined)
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
  if (lost !== null) return failure(work, lost);
  const bad = records.filter((record) => record.state === "failed");
  const cut = records.find((record) => record.state === "cancelled");
  if (cut !== undefined && bad.length === 0)
    return { outcome: "cancelled", attempts: 0, reason: cut.reason ?? "cancelled" };
  if (count > 0 && records.every((record) => record.state === "skipped"))
    return { outcome: "skipped", attempts: 0, reason: "no item reached it" };
  return joined(engine, job.data, records, bad);
}

/**
 * Ends the items that the stage before did not hand on, because they were stopped there: their job never
 * came, and there is nothing to call the tool with.
 */
async function skipUnreached(work: Candidate, records: StepRecord[]): Promise<void> {
  const { engine, job, step, address, token } = work;
  const { runId, epoch } = job.data;
  const before = epoch > 0 ? undefined : step.definition.forEach?.streams;
  const open = [...records.keys()].filter((item) => records[item]?.finishedAtMs === null);
  if (before === undefined || open.length === 0) return;
  const [whole, ...texts] = await engine.runs.fields(runId, [
    FIELDS.record(before),
    ...open.map((item) => FIELDS.record(before, item)),
  ]);
  if (parseStepRecord(whole).finishedAtMs === null) {
    // Somebody released the job by hand.
    await engine.ledger.undo(address);
    await job.moveToDelayed(Date.now() + EARLY_MS, token);
    throw new DelayedError(`waits for ${before}`);
  }
  for (const [index, item] of open.entries()) {
    const { state } = parseStepRecord(texts[index]);
    if (state === "completed") continue;
    const committed = await engine.ledger.commit(
      { runId, epoch, stepId: address.stepId, item, start: LAST_START },
      {
        outcome: "skipped",
        attempts: 0,
        reason: `${before}[${item}] ${state === "cancelled" ? "was cancelled" : state === "skipped" ? "was skipped" : "failed"}`,
      },
    );
    if ("record" in committed) records[item] = committed.record;
  }
}

/** A forEach that could not even begin. */
function failure({ workflow, address }: Candidate, error: StepError): Ending {
  const consequences = consequencesOf(workflow.definition, address.stepId, "invalid");
  return { outcome: "failed", attempts: 0, error, dead: true, ...consequences };
}

/**
 * The items that may wait or run now. Item i is followed by item i + `parallel`, so each of these
 * rows has one: the first that is open.
 */
function frontOf(open: readonly number[], parallel: number): number[] {
  const rows = new Map<number, number>();
  for (const item of open) if (!rows.has(item % parallel)) rows.set(item % parallel, item);
  return [...rows.values()];
}

async function joined(
  engine: Engine,
  job: StepJob,
  records: readonly StepRecord[],
  bad: readonly StepRecord[],
): Promise<Ending> {
  const { runId, stepId } = job;
  const fields = records.map((_, item) => FIELDS.output(stepId, item));
  const stored = await engine.runs.fields(runId, fields);
  const outputs: Json[] = [];
  for (const [item, text] of stored.entries())
    outputs.push((await engine.values.get(runId, fields[item]!, text)) ?? null);
  let output: string;
  try {
    output = await engine.values.draft(runId, FIELDS.output(stepId), outputs);
  } catch (thrown) {
    return { outcome: "failed", attempts: 1, error: stepError(thrown) };
  }
  const [first] = bad;
  if (first === undefined) return { outcome: "completed", attempts: 1, output };
  const message = `${bad.length} of ${records.length} items failed; the first: ${first.error?.message ?? messageOf(first.error)}`;
  const code = first.error?.code ?? "step_execution_failed";
  return {
    outcome: "failed",
    attempts: 1,
    error: { code, message, details: { failed: bad.length, items: records.length } },
    output,
  };
}

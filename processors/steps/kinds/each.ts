import { quoted, messageOf, readJson, TuttiError, type Json } from "../../../config/index.ts";
import {
  FIELDS,
  parseStepRecord,
  type Abort,
  type StepError,
  type StepJob,
  type StepRecord,
} from "../../../queues/index.ts";
import type { Ending } from "../../../queues/worker.ts";
import type { CompiledStep } from "../definitions.ts";
import type { Engine } from "../engine.ts";
import { fieldsOf, sortOut, type Found } from "../inputs.ts";
import type { Candidate } from "../pipeline/candidate.ts";
import { decide, resting, tooEarly } from "../pipeline/decide.ts";
import type { Exit } from "../pipeline/exit.ts";
import { failure, stepError } from "../pipeline/failure.ts";
import { isJobLost } from "../pipeline/lost-job.ts";
import { LAST_START, lossesOf } from "../pipeline/lost.ts";
import { recorded, type Kind } from "../pipeline/pipeline.ts";
import { addItems, stagesBehind } from "./feed.ts";

/** Items of one forEach. Above this its joined output would not fit anyway. */
const MAX_ITEMS = 100_000;

/**
 * A forEach step. Its first entry adds the first `maxParallel` items as children and waits for
 * them; each item adds the one `maxParallel` places behind it before it ends, so that never more than
 * that many jobs wait. When no child is left, the job is entered again and joins the results.
 */
export const EACH: Kind = {
  fields: ({ step, job }) => [...fieldsOf(step, job.data), FIELDS.count(job.data.stepId)],

  async advance(work, { values, abort }) {
    const { engine, job } = work;
    const known = values.at(-1);
    if (abort !== undefined) return stopped(engine, job.data, Number(known ?? 0), abort.reason);
    const lost = lossesOf(job, "began this forEach or put its results together");
    if (known) return join(work, Number(known), lost);
    if (lost !== null) return failure(work, lost);
    let items: readonly Json[];
    try {
      const found = await sortOut(engine, job.data, work.step, values);
      const next = (await decide(work, found)) ?? (await resting(work));
      if (next !== null) return next;
      items = itemsOf(work.step, found);
    } catch (thrown) {
      if (isJobLost(thrown)) throw thrown;
      return failure(work, stepError(thrown));
    }
    const reason = await putItems(work, items);
    return reason === null
      ? join(work, items.length, lost)
      : stopped(engine, job.data, items.length, reason);
  },
};

/** Writes the items of a forEach; why the run was stopped by somebody who did not know of them, null when nobody did. */
async function putItems(
  { engine, job, workflow, address }: Candidate,
  items: readonly Json[],
): Promise<string | null> {
  const { runId, stepId, epoch } = job.data;
  await engine.items.put(runId, stepId, items);
  // Written last: from here on the items stand, and a crash goes on with them.
  for (const stage of [...stagesBehind(workflow.definition, stepId, epoch), stepId])
    await engine.runs.note(runId, FIELDS.count(stage), String(items.length));
  const [own, inner] = await engine.runs.fields(runId, [
    FIELDS.abort,
    FIELDS.groupAbort(address.group ?? ""),
  ]);
  const abort = own ?? inner;
  return abort ? readJson<Abort>(abort).reason : null;
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

function itemsOf(step: CompiledStep, found: Found): readonly Json[] {
  const items = step.items?.render(found.variables);
  if (!Array.isArray(items)) {
    throw new TuttiError(
      "reference_missing",
      `expected forEach to yield a list, got: ${quoted(items)}`,
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
async function join(
  work: Candidate,
  count: number,
  lost: StepError | null,
): Promise<Ending | Exit> {
  const { engine, job, step, workflow } = work;
  const { runId, stepId, epoch } = job.data;
  const all = Array.from({ length: count }, (_, item) => item);
  const read = await engine.runs.fields(
    runId,
    all.map((item) => FIELDS.record(stepId, item)),
  );
  const records = read.map((text) => parseStepRecord(text));
  const early = await skipUnreached(work, records);
  if (early !== null) return early;
  const open = all.filter((item) => records[item]?.finishedAtMs === null);
  if (open.length > 0) {
    const window = frontOf(open, step.definition.forEach?.maxParallel ?? 1);
    await addItems(engine, workflow.definition, job.data, window);
    // Every item may have ended in between; then there is nothing to wait for, and BullMQ enters again.
    const message = `items ${window.join(", ")} of ${stepId} ended while they were added`;
    return {
      kind: "children",
      otherwise: () => Promise.reject(new TuttiError("internal_error", message)),
    };
  }
  const end = (): Promise<Ending> =>
    lost === null ? endOf(work, records) : Promise.resolve(failure(work, lost));
  // The last items may still be in a later stage; their jobs are children of this one.
  return stagesBehind(workflow.definition, stepId, epoch).length === 0
    ? end()
    : { kind: "children", otherwise: async () => recorded(work, await end()) };
}

/** How a forEach ended whose items have ended. */
async function endOf({ engine, job }: Candidate, records: readonly StepRecord[]): Promise<Ending> {
  const bad = records.filter((record) => record.state === "failed");
  const cut = records.find((record) => record.state === "cancelled");
  if (cut !== undefined && bad.length === 0)
    return { outcome: "cancelled", attempts: 0, reason: cut.reason ?? "cancelled" };
  if (records.length > 0 && records.every((record) => record.state === "skipped"))
    return { outcome: "skipped", attempts: 0, reason: "no item reached it" };
  return joined(engine, job.data, records, bad);
}

/**
 * Ends the items that the stage before did not hand on, because they were stopped there: their job never
 * came, and there is nothing to call the tool with. Where it leads when that stage has not ended.
 */
async function skipUnreached(work: Candidate, records: StepRecord[]): Promise<Exit | null> {
  const { engine, job, step, address } = work;
  const { runId, epoch } = job.data;
  const before = epoch > 0 ? undefined : step.definition.forEach?.streams;
  const open = [...records.keys()].filter((item) => records[item]?.finishedAtMs === null);
  if (before === undefined || open.length === 0) return null;
  const [whole, ...texts] = await engine.runs.fields(runId, [
    FIELDS.record(before),
    ...open.map((item) => FIELDS.record(before, item)),
  ]);
  // Somebody released the job by hand.
  if (parseStepRecord(whole).finishedAtMs === null) return tooEarly(work, before);
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
  return null;
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

import { DelayedError, WaitingError, type Job } from "bullmq";

import {
  isJsonObject,
  MAX_WORKER_LOSSES,
  TuttiError,
  type Json,
  type JsonObject,
} from "../../config/index.ts";
import {
  assertPayload,
  FIELDS,
  hurryRetries,
  type Abort,
  type Ending,
  type StepJob,
  type StepRecord,
} from "../../queues/index.ts";
import { Redactor } from "../bindings/secrets.ts";
import { endAborted } from "../control/end-aborted.ts";
import type { Engine } from "../engine.ts";
import { RunAborted, WorkerStops } from "./active-calls.ts";
import { skipped, type Candidate } from "./admit.ts";
import type { CancelSource } from "./cancellation.ts";
import { feedNext } from "./each.ts";
import { finish, RetryLater, stepError, type Finished } from "./finish.ts";
import { fieldsOf, sortOut, type Found } from "./inputs.ts";
import { askedPauseMs, isRetryable, pauseMs } from "./retry.ts";
import { SUSPECT_LOSSES } from "./suspects.ts";

/** One step on its way through the processor. */
interface Work extends Candidate {
  readonly signal: CancelSource;
}

/**
 * Runs one step, or one item of a forEach: begin -> decide -> bind -> call -> record -> finish. Whatever
 * ends it is written once, before its BullMQ job finishes; a job that is started again after that only
 * finishes.
 */
export function stepProcessor(
  engine: Engine,
): (job: Job<StepJob>, token?: string) => Promise<Finished> {
  return async (job, token) => {
    assertPayload(job.data);
    const { runId, stepId, item } = job.data;
    const workflow = await engine.definitions.get(job.data.definition);
    const step = workflow?.step(stepId);
    if (workflow === undefined || step === undefined) return { state: "gone" };
    // Opened before the record is read: a run that is stopped from now on reaches this call.
    const call = engine.active.open(runId);
    const endTurn =
      job.stalledCounter >= SUSPECT_LOSSES ? await engine.suspects.turn(call.signal) : undefined;
    try {
      const address = {
        runId,
        stepId,
        start: job.attemptsStarted,
        ...(item === undefined ? {} : { item }),
      };
      const record = await perform({
        engine,
        job,
        workflow,
        step,
        address,
        signal: call.signal,
        token,
      });
      if (record === null) return { state: "gone" };
      if (item !== undefined && record.state !== "cancelled")
        await feedNext(engine, job.data, step);
      return finish(record);
    } finally {
      endTurn?.();
      call.close();
    }
  };
}

/** The record of the ending that stands; null when this start has no say (any more). */
async function perform(work: Work): Promise<StepRecord | null> {
  const { engine, job, step, address } = work;
  const begun = await engine.ledger.begin(address, {
    once: !step.definition.idempotent,
    fields: fieldsOf(step),
  });
  if (begun.status === "gone" || begun.status === "fenced") return null;
  if (begun.status === "done") return begun.record;
  const { attempts } = begun.record;
  if (begun.abort !== undefined) return end(work, cancelled(begun.abort, attempts - 1));
  // BullMQ counts every worker that died with the job, the record only those that had begun the step.
  const losses = Math.min(begun.record.losses ?? 0, job.stalledCounter);
  if (losses >= MAX_WORKER_LOSSES) return end(work, lost(losses, attempts));
  let ending: Ending;
  try {
    const found = await sortOut(engine, job.data, step, begun.values);
    ending =
      // The items of a forEach were admitted with it.
      (job.data.item === undefined ? await skipped(work, found) : null) ??
      (await callTool(work, found, attempts, begun.status === "unknown"));
  } catch (thrown) {
    if (thrown instanceof DelayedError) throw thrown;
    if (work.signal.reason instanceof WorkerStops) {
      // The record says that it runs; who takes it next knows what that means for this tool.
      await job.moveToWait(work.token);
      throw new WaitingError();
    }
    ending = await failed(work, attempts, thrown);
  }
  return end(work, ending);
}

async function callTool(
  work: Work,
  found: Found,
  attempt: number,
  endUnknown: boolean,
): Promise<Ending> {
  const { engine, job, step, signal } = work;
  const input = await bind(work, found);
  if (endUnknown) {
    throw new TuttiError(
      "effect_unknown",
      `the worker died while ${step.definition.tool} was being called; it is not idempotent, so it is not called again`,
    );
  }
  const { runId, stepId, item, tenant, actor, correlationId } = job.data;
  const output = await engine.tools.call(
    step.definition.tool,
    input,
    {
      runId,
      stepId,
      tenant,
      actor,
      correlationId,
      attempt,
      signal,
      secret: (name) => engine.secret(name),
    },
    { timeoutMs: step.definition.timeoutMs, secrets: step.input.secrets },
  );
  return {
    outcome: "completed",
    attempts: attempt,
    output: await engine.values.put(runId, FIELDS.output(stepId, item), output),
  };
}

/** The input of the call: expressions filled in. */
async function bind({ engine, job, step }: Work, found: Found): Promise<JsonObject> {
  if (!step.input.dynamic) return asObject(step.definition.with);
  const { runId, stepId, item } = job.data;
  const variables: Record<string, unknown> = { ...found.variables };
  const redactor = new Redactor();
  if (step.input.secrets.size > 0) {
    const secret = redactor.watch((name) => engine.secret(name));
    variables["secrets"] = Object.fromEntries(
      [...step.input.secrets].map((name) => [name, secret(name)]),
    );
  }
  if (item !== undefined) {
    variables[step.definition.forEach?.as ?? "item"] = await engine.items.get(runId, stepId, item);
    variables["index"] = item;
  }
  try {
    return asObject(step.input.render(variables));
  } catch (thrown) {
    // An expression that fails tells what it was given.
    throw redactor.error(thrown);
  }
}

function asObject(value: Json): JsonObject {
  if (isJsonObject(value)) return value;
  throw new TuttiError("internal_error", "the input of a step is an object by its schema");
}

/** What follows from a failed call: another attempt, or the end of the step. */
async function failed(
  { engine, step, workflow, address, signal }: Work,
  attempts: number,
  thrown: unknown,
): Promise<Ending> {
  if (signal.aborted && signal.reason instanceof RunAborted)
    return cancelled(signal.reason.abort, attempts);
  const error = stepError(thrown);
  const { retry, optional } = step.definition;
  if (isRetryable(thrown) && attempts < retry.maxAttempts) {
    const answer = await engine.ledger.retry(address, attempts, error);
    if (answer === "abort")
      return { outcome: "cancelled", attempts, reason: "the run is being stopped" };
    throw new RetryLater(error, pauseMs(retry, attempts, askedPauseMs(thrown), Math.random));
  }
  const stops = workflow.definition.onError === "fail_fast" && !optional;
  const abort: Abort = { kind: "fail_fast", reason: `${address.stepId} failed` };
  return { outcome: "failed", attempts, error, ...(stops ? { abort } : {}) };
}

const cancelled = (abort: Abort, attempts: number): Ending => ({
  outcome: "cancelled",
  attempts,
  reason: abort.reason,
});

const lost = (times: number, attempts: number): Ending => ({
  outcome: "failed",
  attempts,
  error: { code: "worker_lost", message: `${times} workers died while they ran this step` },
});

/** Writes the ending; whoever wrote first wins. */
async function end({ engine, address, job }: Work, ending: Ending): Promise<StepRecord | null> {
  const committed = await engine.ledger.commit(address, ending);
  if (committed.status === "gone" || committed.status === "fenced") return null;
  if (ending.abort !== undefined) {
    await engine.runs.tellAbort(address.runId, ending.abort);
    await hurryRetries(engine, address.runId);
  }
  if (committed.lastOfAborted) await endAborted(engine, job.data);
  return committed.record;
}

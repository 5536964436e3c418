import { DelayedError, type Job } from "bullmq";

import { readJson, TuttiError, type Json } from "../../../config/index.ts";
import { FIELDS, type Abort, type StepJob, type WaitDecision } from "../../../queues/index.ts";
import { assertPayload, FAR_MS, isAside, parkIfIdle, type Ending } from "../../../queues/worker.ts";
import { skipped, type Candidate } from "../course/admit.ts";
import { addressOf, setAside } from "../course/aside.ts";
import { finish, stepError, type Finished } from "../course/finish.ts";
import { lossesOf } from "../course/lost.ts";
import { settle } from "../course/settle.ts";
import { consequencesOf } from "../decisions/policy.ts";
import type { Engine } from "../engine.ts";
import { fieldsOf, sortOut, type Found } from "../inputs.ts";
import { leavesJob } from "./leaving.ts";

/** What a wait is about, and until when. */
interface Waiting {
  readonly waitsFor: string;
  /** Redis' clock; null when there is no end to it. */
  readonly dueAtMs: number | null;
}

/**
 * Runs a step that waits for somebody outside: an approval, an event, or just a time. It takes no
 * worker while it waits: its job stands aside, for days if need be, and survives every restart. A
 * decision that came before the step did is kept for it.
 */
export function waitProcessor(
  engine: Engine,
): (job: Job<StepJob>, token?: string) => Promise<Finished> {
  return async (job, token) => {
    assertPayload(job.data);
    const { stepId } = job.data;
    const workflow = await engine.definitions.get(job.data.definition);
    const step = workflow?.step(stepId);
    if (workflow === undefined || step === undefined) return { state: "gone" };
    const address = addressOf(job, step.definition.group);
    const fields = [...fieldsOf(step, job.data), FIELDS.decision(stepId)];
    const begun = await engine.ledger.begin(address, { once: false, calls: false, fields });
    if (begun.status === "gone" || begun.status === "fenced") return { state: begun.status };
    if (isAside(begun)) return setAside(engine, job, token, address, begun.status);
    if (begun.status === "done") return finish(begun.record);
    const work: Candidate = { engine, job, workflow, step, address, token };
    const ending = await endingOf(work, begun.values, begun.record.startedAtMs ?? 0, begun.abort);
    if (ending === null) return { state: "gone" };
    const record = await settle(work, ending);
    return record === null ? { state: "gone" } : finish(record);
  };
}

/** How the wait ended; null when this start has no say. Does not return while it goes on. */
async function endingOf(
  work: Candidate,
  values: readonly (string | null)[],
  startedAtMs: number,
  abort: Abort | undefined,
): Promise<Ending | null> {
  if (abort !== undefined) return { outcome: "cancelled", attempts: 0, reason: abort.reason };
  const { engine, job, step } = work;
  const lost = lossesOf(job, "began this wait");
  if (lost !== null) return failure(work, lost);
  let waiting: Waiting;
  try {
    const found = await sortOut(engine, job.data, step, values);
    const skip = await skipped(work, found);
    if (skip !== null) return skip;
    waiting = waitingOf(work, found, startedAtMs);
  } catch (thrown) {
    if (leavesJob(thrown)) throw thrown;
    return failure(work, stepError(thrown));
  }
  const decision = values.at(-1);
  if (decision) return decided(work, decision);
  const nowMs = await engine.runs.now();
  if (waiting.dueAtMs !== null && waiting.dueAtMs <= nowMs) return over(work, startedAtMs, nowMs);
  return park(work, waiting, nowMs);
}

async function park(work: Candidate, waiting: Waiting, nowMs: number): Promise<Ending | null> {
  const { engine, job, workflow, address, token } = work;
  const { runId, stepId } = job.data;
  const parked = await engine.ledger.park(address, waiting.waitsFor);
  if (parked.status === "decided") return decided(work, parked.decision);
  if (parked.status !== "ok") return null;
  const leftMs = waiting.dueAtMs === null ? FAR_MS : waiting.dueAtMs - nowMs;
  await job.moveToDelayed(Date.now() + leftMs, token);
  // Who decided in between found nothing to promote.
  const [decision, ...stops] = await engine.runs.fields(runId, [
    FIELDS.decision(stepId),
    FIELDS.abort,
    FIELDS.groupAbort(address.group ?? ""),
  ]);
  if (decision || stops.some(Boolean))
    await engine.flows.promote([{ queue: job.queueName, jobId: job.id! }]);
  else await parkIfIdle(engine, workflow.definition, job.data, parked.version);
  throw new DelayedError(waiting.waitsFor);
}

function waitingOf({ step }: Candidate, found: Found, startedAtMs: number): Waiting {
  const { wait, timeoutMs } = step.definition;
  const dueAtMs = timeoutMs > 0 ? startedAtMs + timeoutMs : null;
  switch (wait?.kind) {
    case "approval": {
      const message = step.wait?.render(found.variables) ?? "";
      return {
        waitsFor:
          `approval: ${typeof message === "string" ? message : JSON.stringify(message)}`.slice(
            0,
            2_000,
          ),
        dueAtMs,
      };
    }
    case "event":
      return { waitsFor: `event ${wait.name}`, dueAtMs };
    case "timer": {
      const ms = step.wait?.render(found.variables);
      if (typeof ms !== "number" || !(ms >= 0) || ms > FAR_MS) {
        throw new TuttiError(
          "reference_missing",
          `expected waitMs to yield a number of milliseconds, got: ${JSON.stringify(ms)?.slice(0, 80)}`,
        );
      }
      const until = startedAtMs + Math.ceil(ms);
      return { waitsFor: `until ${new Date(until).toISOString()}`, dueAtMs: until };
    }
    case undefined:
      throw new TuttiError("internal_error", "the step does not wait for anything");
  }
}

async function decided(work: Candidate, text: string): Promise<Ending> {
  const { kind, by, atMs, data } = readJson<WaitDecision>(text);
  if (kind === "rejected") {
    const message = `rejected by ${by}`;
    return failure(work, { code: "approval_rejected", message, details: { by, data } });
  }
  const at = new Date(atMs).toISOString();
  return completed(work, kind === "event" ? data : { approved: true, by, at, data });
}

/** The time of the wait is over: that is what a timer waits for, and too late for anything else. */
async function over(work: Candidate, startedAtMs: number, nowMs: number): Promise<Ending> {
  const { wait, timeoutMs } = work.step.definition;
  if (wait?.kind === "timer") return completed(work, { waitedMs: nowMs - startedAtMs });
  return failure(work, {
    code: "wait_timed_out",
    message: `nobody answered within ${timeoutMs} ms`,
  });
}

async function completed({ engine, job }: Candidate, output: Json): Promise<Ending> {
  const { runId, stepId } = job.data;
  const stored = await engine.values.draft(runId, FIELDS.output(stepId), output);
  return { outcome: "completed", attempts: 1, output: stored };
}

function failure({ workflow, address }: Candidate, error: NonNullable<Ending["error"]>): Ending {
  const consequences = consequencesOf(workflow.definition, address.stepId, "invalid");
  return { outcome: "failed", attempts: 1, error, dead: true, ...consequences };
}

import { iso, quoted, readJson, TuttiError, type Json } from "../../../config/index.ts";
import { FIELDS, type WaitDecision } from "../../../queues/index.ts";
import { FAR_MS, parkIfIdle, type Ending } from "../../../queues/worker.ts";
import { fieldsOf, sortOut, type Found } from "../inputs.ts";
import type { Candidate } from "../pipeline/candidate.ts";
import { decide } from "../pipeline/decide.ts";
import { GONE, type Exit } from "../pipeline/exit.ts";
import { failure, stepError } from "../pipeline/failure.ts";
import { isJobLost } from "../pipeline/lost-job.ts";
import { lossesOf } from "../pipeline/lost.ts";
import type { Kind } from "../pipeline/pipeline.ts";

/** A wait counts as one attempt, however it ends. */
const ONCE = { attempts: 1 };

/** What a wait is about, and until when. */
interface Waiting {
  readonly waitsFor: string;
  /** Redis' clock; null when there is no end to it. */
  readonly dueAtMs: number | null;
}

/**
 * A step that waits for somebody outside: an approval, an event, or just a time. It takes no
 * worker while it waits: its job stands aside, for days if need be, and survives every restart. A
 * decision that came before the step did is kept for it.
 */
export const WAIT: Kind = {
  fields: ({ step, job }) => [...fieldsOf(step, job.data), FIELDS.decision(job.data.stepId)],

  async advance(work, { values, record, abort }) {
    if (abort !== undefined) return { outcome: "cancelled", attempts: 0, reason: abort.reason };
    const startedAtMs = record.startedAtMs ?? 0;
    const lost = lossesOf(work.job, "began this wait");
    if (lost !== null) return failure(work, lost, ONCE);
    let waiting: Waiting;
    try {
      const found = await sortOut(work.engine, work.job.data, work.step, values);
      const next = await decide(work, found);
      if (next !== null) return next;
      waiting = waitingOf(work, found, startedAtMs);
    } catch (thrown) {
      if (isJobLost(thrown)) throw thrown;
      return failure(work, stepError(thrown), ONCE);
    }
    const decision = values.at(-1);
    if (decision) return decided(work, decision);
    const nowMs = await work.engine.runs.now();
    if (waiting.dueAtMs !== null && waiting.dueAtMs <= nowMs) return over(work, startedAtMs, nowMs);
    return park(work, waiting, nowMs);
  },
};

async function park(work: Candidate, waiting: Waiting, nowMs: number): Promise<Ending | Exit> {
  const { engine, job, workflow, address } = work;
  const { runId, stepId } = job.data;
  const parked = await engine.ledger.park(address, waiting.waitsFor);
  if (parked.status === "decided") return decided(work, parked.decision);
  if (parked.status !== "ok") return GONE;
  return {
    kind: "delayed",
    delayMs: waiting.dueAtMs === null ? FAR_MS : waiting.dueAtMs - nowMs,
    reason: waiting.waitsFor,
    // Who decided in between found nothing to promote.
    afterwards: async () => {
      const [decision, ...stops] = await engine.runs.fields(runId, [
        FIELDS.decision(stepId),
        FIELDS.abort,
        FIELDS.groupAbort(address.group ?? ""),
      ]);
      if (decision || stops.some(Boolean))
        await engine.flows.promote([{ queue: job.queueName, jobId: job.id! }]);
      else await parkIfIdle(engine, workflow.definition, job.data, parked.version);
    },
  };
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
          `expected waitMs to yield a number of milliseconds, got: ${quoted(ms)}`,
        );
      }
      const until = startedAtMs + Math.ceil(ms);
      return { waitsFor: `until ${iso(until)}`, dueAtMs: until };
    }
    case undefined:
      throw new TuttiError("internal_error", "the step does not wait for anything");
  }
}

async function decided(work: Candidate, text: string): Promise<Ending> {
  const { kind, by, atMs, data } = readJson<WaitDecision>(text);
  if (kind === "rejected") {
    const message = `rejected by ${by}`;
    const error = { code: "approval_rejected", message, details: { by, data } };
    return failure(work, error, ONCE);
  }
  const at = iso(atMs);
  return completed(work, kind === "event" ? data : { approved: true, by, at, data });
}

/** The time of the wait is over: that is what a timer waits for, and too late for anything else. */
async function over(work: Candidate, startedAtMs: number, nowMs: number): Promise<Ending> {
  const { wait, timeoutMs } = work.step.definition;
  if (wait?.kind === "timer") return completed(work, { waitedMs: nowMs - startedAtMs });
  const message = `nobody answered within ${timeoutMs} ms`;
  return failure(work, { code: "wait_timed_out", message }, ONCE);
}

async function completed({ engine, job }: Candidate, output: Json): Promise<Ending> {
  const { runId, stepId } = job.data;
  const stored = await engine.values.draft(runId, FIELDS.output(stepId), output);
  return { outcome: "completed", attempts: 1, output: stored };
}

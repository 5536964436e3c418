import { given, MAX_WORKER_LOSSES } from "../../../config/index.ts";
import type { Abort, StepRecord } from "../../../queues/index.ts";
import type { Begun as Marked, Ending } from "../../../queues/worker.ts";
import { RunAborted } from "../active-calls.ts";
import { unknownEffect, type ToolCall } from "../calls/call.ts";
import { lateResult } from "../calls/late-result.ts";
import { pauseMs } from "../decisions/retry.ts";
import { enter } from "../pipeline/begin.ts";
import type { Candidate } from "../pipeline/candidate.ts";
import { putBack } from "../pipeline/decide.ts";
import { ended, type Exit } from "../pipeline/exit.ts";
import { failure, stepError } from "../pipeline/failure.ts";
import { callGranted } from "../pipeline/granted.ts";
import { isJobLost } from "../pipeline/lost-job.ts";
import { isExit } from "../pipeline/pipeline.ts";

/** A call on its way through the processor. */
export interface Work extends Candidate {
  readonly call: ToolCall;
  /** How the ledger names this call among all. */
  readonly holder: string;
  /** It began when its job was taken. */
  readonly early?: Marked;
}

/** A step that has begun, and what was read of its run's record for it. */
export interface Begun {
  readonly record: StepRecord;
  readonly values: readonly (string | null)[];
  /** What is known of the worker of an earlier call, when its end is not and calling again is not safe; else null. */
  readonly unknown: string | null;
}

/** Begins a step; its ending when nothing is to be called, or where this start ends. */
export async function begin(work: Work): Promise<Begun | Ending | Exit> {
  const { job, call } = work;
  const undoes = job.data.undo === true;
  const { early } = work;
  const begun = await enter(work, () =>
    early === undefined ? mark(work, undoes) : Promise.resolve(early),
  );
  if (isExit(begun)) return begun;
  const { record, values, abort } = begun;
  const { attempts } = record;
  if (abort !== undefined && !undoes) return cancelled(abort, attempts - 1);
  // BullMQ counts every worker that died with the job, the record only those that had begun the step.
  const losses = Math.min(record.losses ?? 0, job.stalledCounter);
  const isLost = losses >= MAX_WORKER_LOSSES;
  if (begun.status === "go") {
    if (isLost) return lost(work, losses, attempts);
    // It was stopped while its mark was kept: nothing was called.
    if (!call.signal.aborted) return { record, values, unknown: null };
    const { reason } = call.signal;
    return reason instanceof RunAborted ? cancelled(reason.abort, attempts - 1) : putBack(work);
  }
  // Workers that only waited for the result of the first one's call may have died too.
  const late = await lateResult(work, call.signal, isLost ? 0 : call.timeoutMs);
  if (late.record.finishedAtMs !== null) return ended(late.record);
  // That start has taken its begin back: nothing was called.
  if (late.record.state === "pending") {
    const { early: _, ...again } = work;
    return begin(again);
  }
  // That worker is back and has said that another attempt follows: it is up to this start now.
  if (late.record.state === "retrying" && late.record.error !== undefined) {
    const { error } = late.record;
    return { kind: "retry", error, pauseMs: pauseMs(call.retry, attempts, 0, Math.random) };
  }
  // What is read and bound for a step may be what kills its workers: nothing more is done for it.
  if (isLost) {
    const error = stepError(unknownEffect(call.tool, late.known));
    return failure(work, error, { attempts, kind: "unknown" });
  }
  return { record, values, unknown: late.known };
}

/**
 * Marks that the step begins. The mark of a call that must not be made twice is kept before it is made: a Redis
 * that forgets it would let another start make the call again.
 */
async function mark(work: Work, undoes: boolean): Promise<Marked> {
  const { engine, address, call, job, holder } = work;
  const once = !call.idempotent;
  // Should the answer by which its job is taken be lost, a call that is made once would count as made.
  if (!undoes && !once) learn(work);
  const write = (): Promise<Marked> =>
    engine.ledger.begin(address, { once, calls: !undoes, holder, fields: call.fields });
  if (!once) return write();
  const isOver = ({ status }: Marked) => status !== "go" || call.signal.aborted;
  const again = async (): Promise<Marked> => {
    if (await isHeld(work)) return write();
    // Another server answers, and it has given the job to somebody else, or will.
    const granted = await engine.ledger.undo(address, holder);
    await callGranted(engine, work.workflow.definition, job.data, granted);
    return { status: "gone" };
  };
  return engine.durability.repeat(write, again, isOver, ({ message }) => {
    engine.troubles.warn({ queue: job.queueName }, new Error(message), "calls wait to be kept");
  });
}

/** What is read at a begin is sent with each job that is taken; more than this is read by itself. */
const MAX_FIELDS = 100;
/** Not told again within this time; it may be lost with the last run of a definition. Milliseconds. */
const TELL_MS = 1_000;
/** When it was told of a step what it reads, of a monotonic clock. Milliseconds. */
const learnedAtMs = new WeakMap<object, number>();

/** From now on the step begins when its job is taken, where that is all there is to it. */
function learn({ engine, job, step, workflow, address, call }: Work): void {
  const { hash, stepId, item, alt, epoch } = job.data;
  if (engine.moves === undefined || item !== undefined || alt !== undefined || epoch > 0) return;
  // Places among the calls of a run are given back by who got them.
  if (workflow.definition.width !== undefined || call.fields.length > MAX_FIELDS) return;
  const nowMs = performance.now();
  if (nowMs - (learnedAtMs.get(step) ?? -Infinity) < TELL_MS) return;
  learnedAtMs.set(step, nowMs);
  const { group } = address;
  engine.moves
    .learn(hash, stepId, { fields: call.fields, ...given({ group }) })
    ?.catch((thrown: unknown) =>
      engine.troubles.warn({ queue: job.queueName }, thrown, "what a step reads was not kept"),
    );
}

/** Whether the job is still this worker's; its lock is prolonged then. */
async function isHeld({ job, token, engine }: Work): Promise<boolean> {
  try {
    return token !== undefined && (await job.extendLock(token, engine.lateResultMs)) === 1;
  } catch (thrown) {
    if (isJobLost(thrown)) return false;
    throw thrown;
  }
}

export const cancelled = (abort: Abort, attempts: number): Ending => ({
  outcome: "cancelled",
  attempts,
  reason: abort.reason,
});

function lost(work: Work, losses: number, attempts: number): Ending {
  const message = `${losses} workers lost their hold on this step while they ran it`;
  return failure(work, { code: "worker_lost", message }, { attempts, kind: "unknown" });
}

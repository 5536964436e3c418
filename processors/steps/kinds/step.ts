import { WaitingError, type Job } from "bullmq";

import { MAX_WORKER_LOSSES } from "../../../config/index.ts";
import { toolOfQueue, type Abort, type StepJob, type StepRecord } from "../../../queues/index.ts";
import {
  assertPayload,
  isAside,
  type Begun,
  type Call,
  type Ending,
} from "../../../queues/worker.ts";
import { UNUSED } from "../../gate/seam.ts";
import type { CallOutcome } from "../../optimizer/samples/meter.ts";
import { RunAborted, WorkerStops } from "../active-calls.ts";
import { callOf, type ToolCall } from "../calls/call.ts";
import { lateResult } from "../calls/late-result.ts";
import { putBack, resting, skipped, type Candidate } from "../course/admit.ts";
import { addressOf, callGranted, setAside } from "../course/aside.ts";
import { finish, RetryLater, stepError, type Finished } from "../course/finish.ts";
import { settle } from "../course/settle.ts";
import { classify, consequencesOf, type ErrorClass } from "../decisions/policy.ts";
import { askedPauseMs, isRetryable, pauseMs } from "../decisions/retry.ts";
import { isLimited } from "../decisions/upstream.ts";
import type { Engine } from "../engine.ts";
import type { Found } from "../inputs.ts";
import { SUSPECT_LOSSES } from "../suspects.ts";
import { awaitAlternative, fallBack, HandedOver, isAlternative } from "./fallback.ts";
import { feedNext } from "./feed.ts";
import { leavesJob } from "./leaving.ts";

/** Starts of a step after which a service that asks for pauses counts as failed. */
const MAX_RATE_LIMITED = 1_000;

/** One step on its way through the processor. */
interface Work extends Candidate {
  readonly call: ToolCall;
  /** How the ledger names this call among all. */
  readonly holder: string;
}

/**
 * Runs one step, one item of a forEach, or what undoes one: begin -> decide -> bind -> call -> record ->
 * finish. Whatever ends it is written once, before its BullMQ job finishes; a job that is started again
 * after that only finishes.
 */
export function stepProcessor(
  engine: Engine,
): (job: Job<StepJob>, token?: string) => Promise<Finished> {
  return async (job, token) => {
    assertPayload(job.data);
    const { runId, stepId, item, undo } = job.data;
    const workflow = await engine.definitions.get(job.data.definition);
    const step = workflow?.step(stepId);
    engine.meter.came(toolOfQueue(job.queueName));
    if (workflow === undefined || step === undefined) return { state: "gone" };
    // Opened before the record is read: a run that is stopped from now on reaches this call.
    const active = engine.active.open(
      undo === true ? `${runId} undo` : runId,
      step.definition.group,
    );
    const endTurn =
      job.stalledCounter >= SUSPECT_LOSSES ? await engine.suspects.turn(active.signal) : undefined;
    // Until its tool is called it has used nothing of what it was given.
    engine.keeper.ended({ id: job.id, token }, UNUSED);
    try {
      const address = addressOf(job, step.definition.group);
      const candidate = { engine, job, workflow, step, address, token };
      const record = await perform({
        ...candidate,
        call: callOf(candidate, active.signal),
        holder: `${engine.worker}#${active.number}`,
      });
      if (record === null) return { state: "gone" };
      if (
        item !== undefined &&
        undo !== true &&
        !isAlternative(job) &&
        record.state !== "cancelled"
      )
        await feedNext(engine, workflow, job, record);
      return finish(record);
    } finally {
      endTurn?.();
      active.close();
    }
  };
}

/** The record of the ending that stands; null when this start has no say (any more). */
async function perform(work: Work): Promise<StepRecord | null> {
  try {
    const { handed } = work.job.data;
    return handed === undefined ? await callOnce(work) : await awaitAlternative(work, handed);
  } catch (thrown) {
    const { handed } = work.job.data;
    if (!(thrown instanceof HandedOver) || handed === undefined) throw thrown;
    return awaitAlternative(work, handed, thrown.call);
  }
}

async function callOnce(work: Work): Promise<StepRecord | null> {
  const { engine, job, call, address } = work;
  const undoes = job.data.undo === true;
  const begun = await begin(work, undoes);
  if (begun.status === "gone" || begun.status === "fenced") return null;
  if (isAside(begun)) return setAside(engine, job, work.token, address, begun.status);
  if (begun.status === "done") return begun.record;
  const { attempts } = begun.record;
  if (begun.abort !== undefined && !undoes)
    return settle(work, cancelled(begun.abort, attempts - 1));
  // BullMQ counts every worker that died with the job, the record only those that had begun the step.
  const losses = Math.min(begun.record.losses ?? 0, job.stalledCounter);
  const isLost = losses >= MAX_WORKER_LOSSES;
  if (isLost && begun.status === "go") return settle(work, lost(work, losses, attempts));
  if (begun.status === "go" && call.signal.aborted)
    return notCalled(work, call.signal.reason, attempts);
  if (begun.status === "go") {
    const ending = await endingOf(work, begun.values, begun.record, null);
    const end = () => settle(work, ending);
    // A server that forgets how the only call ended could not tell it from one whose worker died.
    return call.idempotent ? end() : engine.durability.follow(end);
  }
  // Workers that only waited for the result of the first one's call may have died too.
  const late = await lateResult(work, call.signal, isLost ? 0 : call.timeoutMs);
  if (late.record.finishedAtMs !== null) return late.record;
  // That start has taken its begin back: nothing was called.
  if (late.record.state === "pending") return callOnce(work);
  // That worker is back and has said that another attempt follows: it is up to this start now.
  if (late.record.state === "retrying" && late.record.error !== undefined)
    throw new RetryLater(late.record.error, pauseMs(call.retry, attempts, 0, Math.random));
  return settle(work, await endingOf(work, begun.values, begun.record, late.known));
}

/**
 * Marks that the step begins. The mark of a call that must not be made twice is kept before it is made: a Redis
 * that forgets it would let another start make the call again.
 */
async function begin(work: Work, undoes: boolean): Promise<Begun> {
  const { engine, address, call, job } = work;
  const { holder } = work;
  const once = !call.idempotent;
  const mark = (): Promise<Begun> =>
    engine.ledger.begin(address, { once, calls: !undoes, holder, fields: call.fields });
  if (!once) return mark();
  const isOver = ({ status }: Begun) => status !== "go" || call.signal.aborted;
  const again = async (): Promise<Begun> => {
    if (await isHeld(work)) return mark();
    // Another server answers, and it has given the job to somebody else, or will.
    await callGranted(
      engine,
      work.workflow.definition,
      job.data,
      await engine.ledger.undo(address, holder),
    );
    return { status: "gone" };
  };
  return engine.durability.repeat(mark, again, isOver, ({ message }) => {
    engine.troubles.warn({ queue: job.queueName }, new Error(message), "calls wait to be kept");
  });
}

/** Whether the job is still this worker's; its lock is prolonged then. */
async function isHeld({ job, token, engine }: Work): Promise<boolean> {
  try {
    return token !== undefined && (await job.extendLock(token, engine.lateResultMs)) === 1;
  } catch (thrown) {
    if (leavesJob(thrown)) return false;
    throw thrown;
  }
}

/** What becomes of a step that was stopped while its mark was kept: nothing was called. */
function notCalled(work: Work, reason: unknown, attempts: number): Promise<StepRecord | null> {
  return reason instanceof RunAborted
    ? settle(work, cancelled(reason.abort, attempts - 1))
    : putBack(work);
}

/** What becomes of a step that has begun. */
async function endingOf(
  work: Work,
  values: readonly (string | null)[],
  record: StepRecord,
  unknown: string | null,
): Promise<Ending> {
  const { engine, job, call, token } = work;
  const { attempts } = record;
  let startedAt: number | undefined;
  let ended: ReturnType<Engine["meter"]["begin"]> | undefined;
  let found: Found | undefined;
  const timed = (bad: boolean): { call?: Call } =>
    startedAt === undefined
      ? {}
      : { call: { tool: call.tool, ms: performance.now() - startedAt, failed: bad } };
  try {
    found = await call.sortOut(values);
    // The items of a forEach were admitted with it, and what undoes a call has nothing to ask.
    const skip = isAdmitted(job.data) ? null : await skipped(work, found);
    if (skip !== null) return skip;
    if (engine.keeper.cameFree({ id: job.id, token }))
      return await letThrough(work, attempts - 1, found);
    const input = await call.bind(found, unknown);
    const kept = await call.recall(input, attempts - 1, found);
    if (kept !== null) return kept;
    const waitMs = waitedMs(work, record, found);
    if (waitMs !== null) engine.meter.waited(call.tool, waitMs);
    startedAt = performance.now();
    ended = engine.meter.begin(call.tool);
    const ending = await call.make(input, attempts, found);
    // An answer that does not do is an answer.
    ended("ok");
    return { ...ending, ...timed(ending.outcome === "failed") };
  } catch (thrown) {
    ended?.(outcomeOf(thrown, call.signal.aborted));
    if (leavesJob(thrown)) throw thrown;
    if (call.signal.reason instanceof WorkerStops) {
      // The record says that it runs; who takes it next knows what that means for this tool.
      await job.moveToWait(token);
      throw new WaitingError();
    }
    return failed(work, attempts, thrown, { call: timed(true).call, found });
  }
}

/** What a call that threw counts as. */
function outcomeOf(thrown: unknown, aborted: boolean): CallOutcome {
  if (aborted) return "none";
  return isLimited(thrown) ? "limited" : "failed";
}

/**
 * For how long the first call of a step could have begun before it did: since the last step that it needs
 * had ended, or since its job was there. Null for later calls, which waited for their pause. Milliseconds.
 */
function waitedMs({ job, workflow }: Work, record: StepRecord, found: Found): number | null {
  const { startedAtMs, attempts } = record;
  // A turn in a sequence, and a resumption, are not told by the ends of what is needed.
  const isOrdered = workflow.definition.sequence !== undefined || job.data.epoch > 0;
  if (attempts > 1 || startedAtMs === null || isOrdered) return null;
  const ends = [...found.dependencies.values()].map(({ finishedAtMs }) => finishedAtMs ?? 0);
  const isReleased = job.data.item === undefined && ends.length > 0;
  return Math.max(0, startedAtMs - (isReleased ? Math.max(...ends) : job.timestamp));
}

/** The items of a forEach and the alternatives of a step were admitted with it. */
const isAdmitted = ({ item, undo, alt }: StepJob): boolean =>
  item !== undefined || undo === true || alt !== undefined;

/** What becomes of a step that was let through without a permit, because it need not call its tool. */
async function letThrough(work: Work, attempts: number, found: Found): Promise<Ending> {
  const { call, job, step, workflow, address } = work;
  const rest = isAdmitted(job.data) ? null : await resting(work);
  if (rest !== null) return rest;
  if (step.definition.fallback === undefined || job.data.falls !== true) return putBack(work);
  const message = `${call.tool} cannot be called: it is down, or asked to be left alone`;
  const error = { code: "tool_unavailable", message } as const;
  const ending = await fallBack(work, { attempts, error, found });
  if (ending !== null) return ending;
  const consequences = consequencesOf(workflow.definition, address.stepId, "transient");
  return { outcome: "failed", attempts, error, dead: true, ...consequences };
}

/** What follows from a failed call: another attempt, or the end of the step. */
async function failed(
  work: Work,
  attempts: number,
  thrown: unknown,
  { call: made, found }: { readonly call: Call | undefined; readonly found: Found | undefined },
): Promise<Ending> {
  const { engine, call, workflow, address, job, token } = work;
  if (call.signal.aborted && call.signal.reason instanceof RunAborted)
    return cancelled(call.signal.reason.abort, attempts);
  const error = stepError(thrown);
  const kind = classify(thrown, error.code);
  const { retry } = call;
  // A service that asks to be left alone has not failed, and nobody else calls it until it may be called
  // again: the step waits in its queue with them.
  const limited =
    made !== undefined && isLimited(thrown) && job.attemptsStarted <= MAX_RATE_LIMITED;
  const free = limited ? 1 : 0;
  // The calls before an alternative are not its own.
  const own = attempts - (job.data.alt?.before ?? 0);
  if (isRetryable(thrown) && own - free < retry.maxAttempts) {
    const answer = await engine.ledger.retry(address, attempts - free, error, made);
    await callGranted(engine, workflow.definition, job.data, answer.granted);
    if (answer.status === "abort")
      return { outcome: "cancelled", attempts, reason: "the run is being stopped" };
    if (limited) {
      await job.moveToWait(token);
      throw new WaitingError();
    }
    throw new RetryLater(error, pauseMs(retry, own, askedPauseMs(thrown), Math.random));
  }
  // What failed before the tool was called is no call.
  const calls = made === undefined && error.code !== "effect_unknown" ? attempts - 1 : attempts;
  if (mayFallBack(kind, isAlternative(job))) {
    const given = { attempts: calls, error, found, ...(made === undefined ? {} : { call: made }) };
    const ending = await fallBack(work, given);
    if (ending !== null) return ending;
  }
  return {
    outcome: "failed",
    attempts: calls,
    error,
    ...(made === undefined ? {} : { call: made }),
    ...(job.data.undo === true
      ? {}
      : { dead: true, ...consequencesOf(workflow.definition, address.stepId, kind) }),
  };
}

/**
 * Another way helps when nobody answered. Not for an input that is wrong, which is wrong for others too,
 * though an alternative may be the one that does not take it; and not where a call may have had its effect.
 */
const mayFallBack = (kind: ErrorClass, isOther: boolean): boolean =>
  kind !== "unknown" && (isOther || kind !== "invalid");

const cancelled = (abort: Abort, attempts: number): Ending => ({
  outcome: "cancelled",
  attempts,
  reason: abort.reason,
});

const lost = ({ workflow, address, job }: Work, times: number, attempts: number): Ending => ({
  outcome: "failed",
  attempts,
  error: {
    code: "worker_lost",
    message: `${times} workers lost their hold on this step while they ran it`,
  },
  ...(job.data.undo === true
    ? {}
    : { dead: true, ...consequencesOf(workflow.definition, address.stepId, "unknown") }),
});

import type { Job } from "bullmq";

import { given } from "../../../config/index.ts";
import { toolOfQueue, type StepJob, type StepRecord } from "../../../queues/index.ts";
import type { Ending } from "../../../queues/worker.ts";
import { UNUSED } from "../../gate/gatekeeper.ts";
import type { CallOutcome } from "../../optimizer/samples/meter.ts";
import { WorkerStops } from "../active-calls.ts";
import { callOf } from "../calls/call.ts";
import { isLimited } from "../decisions/upstream.ts";
import type { Engine } from "../engine.ts";
import type { Found } from "../inputs.ts";
import { isAdmitted, open } from "../pipeline/candidate.ts";
import { decide } from "../pipeline/decide.ts";
import { GONE, leave, type Exit, type Finished } from "../pipeline/exit.ts";
import { isJobLost } from "../pipeline/lost-job.ts";
import { isExit, recorded } from "../pipeline/pipeline.ts";
import { recordAtEnd } from "../pipeline/record.ts";
import { SUSPECT_LOSSES } from "../suspects.ts";
import { begin, type Begun, type Work } from "./begin.ts";
import { afterFailure } from "./failed.ts";
import { awaitAlternative, isAlternative, type HandOver } from "./fallback.ts";
import { feedNext } from "./feed.ts";
import { letThrough } from "./let-through.ts";

/**
 * Runs one step, one item of a forEach, or what undoes one. Whatever ends it is written once, before its BullMQ
 * job finishes; a job that is started again after that only finishes.
 */
export function stepProcessor(
  engine: Engine,
): (job: Job<StepJob>, token?: string) => Promise<Finished> {
  return async (job, token) => {
    const candidate = await open(engine, job, token);
    engine.meter.came(toolOfQueue(job.queueName));
    if (candidate === null) return leave(job, token, GONE);
    const { runId, undo } = job.data;
    const early = engine.moves?.begunWith({ id: job.id, token });
    // Opened before the record is read: a run that is stopped from now on reaches this call.
    const active = engine.active.open(
      undo === true ? `${runId} undo` : runId,
      candidate.step.definition.group,
      early?.number,
    );
    const endTurn =
      job.stalledCounter >= SUSPECT_LOSSES ? await engine.suspects.turn(active.signal) : undefined;
    // Until its tool is called it has used nothing of what it was given.
    engine.keeper.ended({ id: job.id, token }, UNUSED);
    try {
      const call = callOf(candidate, active.signal);
      const holder = `${engine.worker}#${active.number}`;
      const work = { ...candidate, call, holder, ...given({ early: early?.begun }) };
      return await leave(job, token, await fed(work, await perform(work)));
    } finally {
      endTurn?.();
      active.close();
    }
  };
}

/** begin -> decide -> bind -> call -> record; {@link leave} finishes with where the last stage leads. */
async function perform(work: Work): Promise<Exit> {
  const { handed } = work.job.data;
  if (handed !== undefined) return awaitAlternative(work, handed);
  const begun = await begin(work);
  if (!("values" in begun)) return recorded(work, begun);
  const next = await attempt(work, begun);
  if ("handed" in next) return awaitAlternative(work, next.handed, next.call);
  if (isExit(next)) return next;
  // A server that forgets how the only call ended could not tell it from one whose worker died.
  const isOnly = !work.call.idempotent && begun.unknown === null;
  const { durability } = work.engine;
  return isOnly && durability.isStrict
    ? durability.follow(() => recorded(work, next))
    : recordAtEnd(work, next);
}

/** decide -> bind -> call. */
async function attempt(work: Work, begun: Begun): Promise<Ending | Exit | HandOver> {
  const { call } = work;
  const made: Made = {};
  try {
    const found = (made.found = await call.sortOut(begun.values));
    return (
      (isAdmitted(work.job.data) ? null : await decide(work, found)) ??
      (await letThrough(work, begun.record.attempts - 1, found)) ??
      (await callTool(work, begun, found, made))
    );
  } catch (thrown) {
    made.end?.(outcomeOf(thrown, call.signal.aborted));
    if (isJobLost(thrown)) throw thrown;
    // The record says that it runs; who takes it next knows what that means for this tool.
    if (call.signal.reason instanceof WorkerStops)
      return { kind: "waiting", reason: "its worker stops" };
    const { attempts } = begun.record;
    const callMade = { ...timed(call.tool, made, true), found: made.found };
    return afterFailure(work, attempts, thrown, callMade);
  }
}

/** How far an attempt has come. */
interface Made {
  found?: Found;
  /** When the tool was called. Of a monotonic clock, in milliseconds. */
  startedAt?: number;
  /** Tells the meter how the call ended. */
  end?: (outcome: CallOutcome) => void;
}

/** bind -> call, unless an earlier result does. */
async function callTool(
  work: Work,
  { record, unknown }: Begun,
  found: Found,
  made: Made,
): Promise<Ending> {
  const { engine, call } = work;
  const input = await call.bind(found, unknown);
  const kept = await call.recall(input, record.attempts - 1, found);
  if (kept !== null) return kept;
  const waitMs = waitedMs(work, record, found);
  if (waitMs !== null) engine.meter.waited(call.tool, waitMs);
  made.startedAt = performance.now();
  made.end = engine.meter.begin(call.tool);
  const ending = await call.make(input, record.attempts, found);
  // An answer that does not do is an answer.
  made.end("ok");
  return { ...ending, ...timed(call.tool, made, ending.outcome === "failed") };
}

function timed(tool: string, { startedAt }: Made, isBad: boolean): Pick<Ending, "call"> {
  if (startedAt === undefined) return {};
  return { call: { tool, ms: performance.now() - startedAt, failed: isBad } };
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

/** The end of an item makes room for the next one of its forEach, whenever it comes. */
async function fed(work: Work, exit: Exit): Promise<Exit> {
  const { engine, job, workflow } = work;
  const { item, undo } = job.data;
  if (item === undefined || undo === true || isAlternative(job)) return exit;
  if (exit.kind === "children")
    return { ...exit, otherwise: async () => fed(work, await exit.otherwise()) };
  if (exit.kind === "ended" && exit.record.state !== "cancelled")
    await feedNext(engine, workflow, job, exit.record);
  return exit;
}

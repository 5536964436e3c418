import { WaitingChildrenError, type Job } from "bullmq";

import {
  completeRunInput,
  isJsonObject,
  MAX_DEPTH,
  readJson,
  TuttiError,
} from "../../../config/index.ts";
import {
  cancelRun,
  FIELDS,
  isOpen,
  pauseRun,
  startRun,
  subRunId,
  type Abort,
  type StepError,
  type StepJob,
} from "../../../queues/index.ts";
import { assertPayload, enqueueRun, isAside, type Ending } from "../../../queues/worker.ts";
import { skipped, type Candidate } from "../course/admit.ts";
import { addressOf, setAside } from "../course/aside.ts";
import { finish, stepError, type Finished } from "../course/finish.ts";
import { lossesOf } from "../course/lost.ts";
import { settle } from "../course/settle.ts";
import { consequencesOf } from "../decisions/policy.ts";
import type { Engine } from "../engine.ts";
import { editedOf, fieldsOf, ownCopy, sortOut } from "../inputs.ts";
import { leavesJob } from "./leaving.ts";

/**
 * Runs a step that is a run of another workflow. That run has a record of its own; its jobs are a tree
 * under the step's job, which is entered again when it has ended. It works for a run that is admitted
 * already, so it does not wait for its tenant's turn, and it is stopped, held and let go with it.
 */
export function subProcessor(
  engine: Engine,
): (job: Job<StepJob>, token?: string) => Promise<Finished> {
  return async (job, token) => {
    assertPayload(job.data);
    const { stepId } = job.data;
    const workflow = await engine.definitions.get(job.data.definition);
    const step = workflow?.step(stepId);
    if (workflow === undefined || step === undefined) return { state: "gone" };
    const address = addressOf(job, step.definition.group);
    const fields = [...fieldsOf(step, job.data), ...editedOf(job.data)];
    const begun = await engine.ledger.begin(address, { once: false, calls: false, fields });
    if (begun.status === "gone" || begun.status === "fenced") return { state: begun.status };
    if (isAside(begun)) return setAside(engine, job, token, address, begun.status);
    if (begun.status === "done") return finish(begun.record);
    const work: Candidate = { engine, job, workflow, step, address, token };
    const record = await settle(work, await endingOf(work, begun.values, begun.abort));
    return record === null ? { state: "gone" } : finish(record);
  };
}

/** How the step ended. Does not return while the run behind it goes on. */
async function endingOf(
  work: Candidate,
  values: readonly (string | null)[],
  abort: Abort | undefined,
): Promise<Ending> {
  const { engine, job } = work;
  const childId = subRunId(job.data, job.data.stepId);
  const child = await engine.runs.header(childId);
  const lost = lossesOf(job, "began this sub-run or read its output");
  if (lost !== null && (child === null || !isOpen(child.state))) return failure(work, lost);
  if (child === null) {
    if (abort !== undefined) return { outcome: "cancelled", attempts: 0, reason: abort.reason };
    const ending = await begin(work, values, childId);
    if (ending !== null) return ending;
  } else if (isOpen(child.state)) {
    if (abort !== undefined) await cancelRun(engine, childId, asWhole(abort));
    // Who began it may have died before its jobs were added.
    else await enqueueRun(engine, childId);
  }
  if (work.token !== undefined && (await job.moveToWaitingChildren(work.token)))
    throw new WaitingChildrenError();
  return joined(work, childId, abort);
}

/** Starts the run behind the step; an ending when it is not to be, or cannot. */
async function begin(
  work: Candidate,
  values: readonly (string | null)[],
  runId: string,
): Promise<Ending | null> {
  const { engine, job, step } = work;
  const { tenant, actor, correlationId, stepId } = job.data;
  try {
    const found = await sortOut(engine, job.data, step, values);
    const skip = await skipped(work, found);
    if (skip !== null) return skip;
    const own = await engine.runs.header(job.data.runId);
    const depth = (own?.parent?.depth ?? 0) + 1;
    if (depth > MAX_DEPTH) {
      throw new TuttiError(
        "sub_run_failed",
        `expected workflows inside workflows to be at most ${MAX_DEPTH} deep`,
      );
    }
    const { hash, definition } = await engine.registry.resolve(step.definition.workflow ?? "");
    const given = found.edited ?? (await ownCopy(found, step.input.render(found.variables)));
    const input = completeRunInput(definition.inputs, isJsonObject(given) ? given : {});
    const { timeoutMs } = step.definition;
    const { added } = await startRun(engine, {
      runId,
      hash,
      definition,
      input,
      identity: { tenant, actor, correlationId },
      priority: own?.priority ?? definition.priority ?? 5,
      parent: {
        runId: job.data.runId,
        workflowId: job.data.workflowId,
        epoch: job.data.epoch,
        stepId,
        depth,
      },
      ...(timeoutMs === 0 ? {} : { timeoutMs: Math.min(timeoutMs, definition.timeoutMs) }),
    });
    await added;
    await takeAlong(work, runId);
    return null;
  } catch (thrown) {
    if (leavesJob(thrown)) throw thrown;
    return failure(work, stepError(thrown));
  }
}

/** A sub-run that could not begin, or whose end cannot be read. */
function failure({ workflow, address }: Candidate, error: StepError): Ending {
  const consequences = consequencesOf(workflow.definition, address.stepId, "invalid");
  return { outcome: "failed", attempts: 0, error, dead: true, ...consequences };
}

/** What stops a group stops the whole run behind a step of it; that has groups of its own. */
const asWhole = ({ kind, reason, compensate }: Abort): Abort => ({
  kind,
  reason,
  ...(compensate === true ? { compensate } : {}),
});

/** Who held or stopped the run, or the group, while this step began did not know of the run behind it. */
async function takeAlong({ engine, job, address }: Candidate, childId: string): Promise<void> {
  const [state, by, own, inner] = await engine.runs.fields(job.data.runId, [
    "state",
    "pausedBy",
    FIELDS.abort,
    FIELDS.groupAbort(address.group ?? ""),
  ]);
  const abort = own ?? inner;
  if (abort) await cancelRun(engine, childId, asWhole(readJson<Abort>(abort)));
  else if (state === "paused") await pauseRun(engine, childId, by ?? "unknown");
}

/** The ending of a step whose run has ended. */
async function joined(
  { engine, job, workflow, address }: Candidate,
  childId: string,
  abort: Abort | undefined,
): Promise<Ending> {
  const { runId, stepId } = job.data;
  const [state, output, error] = await engine.runs.fields(childId, ["state", "output", "error"]);
  if (state && isOpen(state)) {
    // BullMQ enters again at once when something ended in between.
    throw new TuttiError("internal_error", `run ${childId} is ${state} and no job of it is left`);
  }
  if (state === "completed") {
    const value = (await engine.values.get(childId, "output", output)) ?? null;
    const stored = await engine.values.draft(runId, FIELDS.output(stepId), value);
    return { outcome: "completed", attempts: 1, output: stored };
  }
  if (abort !== undefined) return { outcome: "cancelled", attempts: 1, reason: abort.reason };
  return {
    outcome: "failed",
    attempts: 1,
    error: {
      code: "sub_run_failed",
      message: `run ${childId} ended as ${state ?? "nothing"}`,
      details: { runId: childId, state, ...(error ? { error: readJson<StepError>(error) } : {}) },
    },
    dead: true,
    ...consequencesOf(workflow.definition, address.stepId, "invalid"),
  };
}

import {
  completeRunInput,
  DEFAULT_PRIORITY,
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
} from "../../../queues/index.ts";
import { enqueueRun, type Ending } from "../../../queues/worker.ts";
import { editedOf, fieldsOf, ownCopy, sortOut } from "../inputs.ts";
import type { Candidate } from "../pipeline/candidate.ts";
import { decide } from "../pipeline/decide.ts";
import type { Exit } from "../pipeline/exit.ts";
import { failure, stepError } from "../pipeline/failure.ts";
import { isJobLost } from "../pipeline/lost-job.ts";
import { lossesOf } from "../pipeline/lost.ts";
import { recorded, type Kind } from "../pipeline/pipeline.ts";

/**
 * A step that is a run of another workflow. That run has a record of its own; its jobs are a tree
 * under the step's job, which is entered again when it has ended. It works for a run that is admitted
 * already, so it does not wait for its tenant's turn, and it is stopped, held and let go with it.
 */
export const SUB: Kind = {
  fields: ({ step, job }) => [...fieldsOf(step, job.data), ...editedOf(job.data)],

  async advance(work, { values, abort }) {
    const { engine, job } = work;
    const childId = subRunId(job.data, job.data.stepId);
    const child = await engine.runs.header(childId);
    const lost = lossesOf(job, "began this sub-run or read its output");
    if (lost !== null && (child === null || !isOpen(child.state))) return failure(work, lost);
    if (child === null) {
      if (abort !== undefined) return { outcome: "cancelled", attempts: 0, reason: abort.reason };
      const next = await begin(work, values, childId);
      if (next !== null) return next;
    } else if (isOpen(child.state)) {
      if (abort !== undefined) await cancelRun(engine, childId, asWhole(abort));
      // Who began it may have died before its jobs were added.
      else await enqueueRun(engine, childId);
    }
    const otherwise = async () => recorded(work, await joined(work, childId, abort));
    return { kind: "children", otherwise };
  },
};

/** Starts the run behind the step; where that leads when it is not to be, or cannot. */
async function begin(
  work: Candidate,
  values: readonly (string | null)[],
  runId: string,
): Promise<Ending | Exit | null> {
  const { engine, job, step } = work;
  const { tenant, actor, correlationId, stepId } = job.data;
  try {
    const found = await sortOut(engine, job.data, step, values);
    const next = await decide(work, found);
    if (next !== null) return next;
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
      priority: own?.priority ?? definition.priority ?? DEFAULT_PRIORITY,
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
    if (isJobLost(thrown)) throw thrown;
    return failure(work, stepError(thrown));
  }
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
async function joined(work: Candidate, childId: string, abort: Abort | undefined): Promise<Ending> {
  const { engine, job } = work;
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
  const details = {
    runId: childId,
    state,
    ...(error ? { error: readJson<StepError>(error) } : {}),
  };
  const message = `run ${childId} ended as ${state ?? "nothing"}`;
  return failure(work, { code: "sub_run_failed", message, details }, { attempts: 1 });
}

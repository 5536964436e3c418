import { readJson, given } from "../../../config/index.ts";
import { PAYLOAD_VERSION } from "../../definition.ts";
import type { StepJob, UndoingJob, StepError } from "../../jobs.ts";
import { CONTROL_QUEUES, jobIds } from "../../names.ts";
import type { TreeNode } from "../flows.ts";
import { partName, partOf, shownAs } from "../record/part-names.ts";
import { FIELDS, parseStepRecord, type Abort, type RunState } from "../record/run-record.ts";
import type { RunEnding } from "../record/runs.ts";
import { jobOf, runOf, stepsOf, type FoundRun, type RunParts, type StepOrItem } from "./parts.ts";
import { undoes } from "./policy.ts";
import { enqueueRuns } from "./start.ts";

/** The facts of a run needed to end it. */
type RunFacts = Pick<FoundRun, "address" | "definition" | "abort">;

/**
 * Ends a run whose steps have all ended, after undoing what must be undone. Returns the state, which may be
 * `compensating`; null if there is no such run.
 */
export async function conclude(
  parts: RunParts,
  run: RunFacts,
  ending: RunEnding,
): Promise<RunState | null> {
  const { runId, epoch } = run.address;
  const slots = await toUndo(parts, run);
  if (slots.length === 0) return finishRun(parts, run, ending);
  const state = await parts.runs.beginUndo(runId, epoch, ending, slots);
  if (state === "compensating") await enqueueUndo(parts, runId);
  return state;
}

/** Writes the end of a run and admits the next one of its tenant. */
async function finishRun(
  parts: RunParts,
  run: RunFacts,
  ending: RunEnding,
): Promise<RunState | null> {
  const { runId, epoch } = run.address;
  const finished = await parts.runs.finish(runId, epoch, ending, parts.maxRunning);
  if (finished === null) return null;
  await enqueueRuns(parts, finished.admitted);
  return finished.state;
}

/** Ends a run whose compensations are over. None of their failures is hidden. */
export async function concludeUndone(parts: RunParts, runId: string): Promise<RunState | null> {
  const run = await runOf(parts, runId);
  if (run === null || run.state !== "compensating") return run?.state ?? null;
  const [ending, undoing] = await parts.runs.fields(runId, [FIELDS.ending, FIELDS.undoing]);
  if (!ending || !undoing) return run.state;
  const slots = readJson<string[]>(undoing);
  const texts = await parts.runs.fields(
    runId,
    slots.map((one) => FIELDS.record(`${one}.undo`)),
  );
  const compensation = slots.map((one, index) => {
    const { stepId, item } = partOf(one);
    const { state, error } = parseStepRecord(texts[index]);
    return { step: shownAs(stepId, item), state, error };
  });
  const bad = compensation.filter(({ state }) => state !== "completed");
  const ended = readJson<RunEnding>(ending);
  if (bad.length === 0) return finishRun(parts, run, ended);
  const names = bad.map(({ step }) => step);
  const error: StepError = {
    code: "compensation_failed",
    message: `not undone: ${names.join(", ")}; ${bad[0]?.error?.message ?? "it never ran"}`.slice(
      0,
      2_000,
    ),
    details: { steps: names, ...given({ because: ended.error }) },
  };
  return finishRun(parts, run, { ...ended, error });
}

/** Adds the jobs that undo a run, unless they are there. They run one after another, latest completion first. */
export async function enqueueUndo(parts: RunParts, runId: string): Promise<void> {
  const run = await runOf(parts, runId);
  if (run === null || run.state !== "compensating") return;
  const root = jobIds.undoing(run.address);
  const [undoing] = await parts.runs.fields(runId, [FIELDS.undoing]);
  const base = {
    v: PAYLOAD_VERSION,
    ...run.address,
    hash: run.hash,
    ...run.identity,
  } as const;
  const data: UndoingJob = { ...base, undoing: true };
  const tree: TreeNode[] = [
    { queue: CONTROL_QUEUES.run, jobId: root, name: "compensation", data, parent: -1 },
  ];
  // A child runs before its parent, so the earliest completion is the root.
  for (const text of readJson<string[]>(undoing ?? "[]").toReversed()) {
    const { stepId, item } = partOf(text);
    const step = { stepId, ...given({ item }), undo: true } as const;
    const job: StepJob = { ...base, ...step };
    const name = `undo ${shownAs(stepId, item)}`;
    tree.push({
      ...jobOf(run, step),
      name,
      data: job,
      parent: tree.length - 1,
      priority: run.priority,
    });
  }
  const last = tree.at(-1)!;
  if (!(await parts.flows.has(last.queue, last.jobId))) await parts.flows.add(tree, async () => {});
  // A process that added a large tree may have died before it released the first job.
  else if (!parts.flows.fitsOneBatch(tree)) await parts.flows.release(tree);
}

/** The completed calls to undo, latest first. */
async function toUndo(parts: RunParts, run: RunFacts): Promise<string[]> {
  const { definition, address } = run;
  const candidates = await stoppedSteps(parts, run);
  if (candidates.size === 0) return [];
  const steps = (await stepsOf(parts.runs, address.runId, definition)).filter(({ stepId }) =>
    candidates.has(stepId),
  );
  const places = await parts.runs.fields(
    address.runId,
    steps.map(({ stepId, item }) => FIELDS.completion(stepId, item)),
  );
  return steps
    .map((step, index) => ({ step, place: places[index] }))
    .filter((found): found is { step: StepOrItem; place: string } => found.place !== null)
    .toSorted((a, b) => Number(b.place) - Number(a.place))
    .map(({ step }) => partName(step.stepId, step.item));
}

/** Steps that can be undone and belong to a stopped scope that undoes: the run or their group. */
async function stoppedSteps(parts: RunParts, run: RunFacts): Promise<ReadonlySet<string>> {
  const { definition, abort } = run;
  const able = Object.keys(definition.steps).filter(
    (id) => definition.steps[id]?.compensate !== undefined,
  );
  if (able.length === 0) return new Set();
  const groups = Object.keys(definition.groups ?? {});
  const texts = await parts.runs.fields(
    run.address.runId,
    groups.map((group) => FIELDS.groupAbort(group)),
  );
  const stopped = new Map(
    groups.flatMap((group, index) =>
      texts[index] ? [[group, readJson<Abort>(texts[index])] as const] : [],
    ),
  );
  const ofRun = abort?.compensate === true || undoes(definition, undefined);
  const ofGroup = new Map(groups.map((group) => [group, undoes(definition, group)]));
  return new Set(
    able.filter((id) => {
      const group = definition.steps[id]?.group;
      const inner = group === undefined ? undefined : stopped.get(group);
      if (abort !== null && ofRun) return true;
      if (group === undefined || (abort === null && inner === undefined)) return false;
      return ofGroup.get(group) === true || inner?.compensate === true;
    }),
  );
}

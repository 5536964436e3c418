import type { TreeNode } from "../flows.ts";
import { CONTROL_QUEUES, jobIds } from "../names.ts";
import { runOf, type CancelParts } from "./cancel.ts";
import { FIELDS } from "./run-record.ts";

/** Adds the jobs of a run. Those of a large one start when all are there; the record says how far it is. */
export async function addJobs(
  parts: CancelParts,
  runId: string,
  tree: readonly TreeNode[],
): Promise<void> {
  await parts.flows.add(tree, () => parts.runs.note(runId, FIELDS.added, "1"));
  if (!parts.flows.fitsOneBatch(tree)) await parts.runs.note(runId, FIELDS.added, "2");
}

/**
 * Adds the jobs of a run that is queued, or finishes what an earlier call began. Harmless at any
 * moment: jobs that are there are not added again. Returns whether there was something to do.
 */
export async function enqueueRun(parts: CancelParts, runId: string): Promise<boolean> {
  const run = await runOf(parts, runId);
  if (run === null || (run.state !== "queued" && run.state !== "running")) return false;
  const [added] = await parts.runs.fields(runId, [FIELDS.added]);
  if (added === "2" || (run.state === "running" && added !== "1")) return false;
  const tree = parts.treeOf(run.definition, run.hash, run.address, run.identity);
  if (added === "1") {
    await parts.flows.release(tree);
    await parts.runs.note(runId, FIELDS.added, "2");
    return true;
  }
  // A tree of one batch is there or it is not.
  if (
    parts.flows.fitsOneBatch(tree) &&
    (await parts.flows.has(CONTROL_QUEUES.run, jobIds.run(run.address)))
  )
    return false;
  await addJobs(parts, runId, tree);
  return true;
}

import { runOf, type CancelParts } from "./cancel.ts";
import { CONTROL_QUEUES, jobIds } from "./names.ts";

/** Field of the record that says that every job of a large tree is there. */
const ADDED = "added";

/**
 * Adds the jobs of a run that is queued, or finishes what an earlier call began. Harmless at any
 * moment: jobs that are there are not added again. Returns whether there was something to do.
 */
export async function enqueueRun(parts: CancelParts, runId: string): Promise<boolean> {
  const run = await runOf(parts, runId);
  if (run === null || run.state !== "queued") return false;
  const tree = parts.treeOf(run.definition, run.hash, run.address, run.identity);
  const [added] = await parts.runs.fields(runId, [ADDED]);
  if (added === "1") {
    await parts.flows.release(tree);
    return true;
  }
  // A tree of one batch is there or it is not.
  if (
    parts.flows.fitsOneBatch(tree) &&
    (await parts.flows.has(CONTROL_QUEUES.run, jobIds.run(run.address)))
  )
    return false;
  await parts.flows.add(tree, () => parts.runs.note(runId, ADDED, "1"));
  return true;
}

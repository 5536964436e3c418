import { DEFAULT_PRIORITY, TuttiError, type Json } from "../../config/index.ts";
import type { RunDefinition } from "../definition.ts";
import type { TreeNode } from "../flows.ts";
import type { Identity } from "../jobs.ts";
import { CONTROL_QUEUES, jobIds } from "../names.ts";
import { FIELDS, type ParentStep } from "../runs/run-record.ts";
import { storedForm } from "../runs/values.ts";
import { runOf, treeOfRun, type RunParts } from "./parts.ts";
import { jobPriority } from "./priority.ts";

/** A run that is to be. */
export interface RunStart extends Identity {
  readonly runId: string;
  readonly definition: RunDefinition;
  /** Content hash of the definition. */
  readonly hash: string;
  /** Checked against the workflow's `inputs`, defaults filled in. */
  readonly input: Json;
  /** Names the input by its content. */
  readonly inputHash: string;
  /** 1 to 10, 10 the most urgent. Default: 5. */
  readonly priority?: number;
  /** Runs with the same word run one after another, in the order of their submission. */
  readonly serialKey?: string;
  readonly parent?: ParentStep;
}

/**
 * Records a run and, when its tenant has room, adds its jobs. Starting the same again is harmless: it
 * finds the run that is there. False when it was there.
 *
 * @throws TuttiError `run_conflict` when the id is taken by another workflow or input,
 * `payload_too_large`.
 */
export async function startRun(parts: RunParts, start: RunStart): Promise<boolean> {
  const { runId, hash, inputHash, input, priority = DEFAULT_PRIORITY, ...rest } = start;
  const { stored, large } = storedForm(FIELDS.input, input);
  const run = {
    ...rest,
    runId,
    definitionHash: hash,
    inputHash,
    priority,
    input: stored,
    ...(large === undefined ? {} : { largeInput: large }),
  };
  const { existing, seq, admitted } = await parts.runs.create(run, parts.maxRunning);
  if (seq !== null) {
    const address = { workflowId: run.definition.workflow.id, runId, epoch: 0 };
    const { tenant, actor, correlationId, parent } = start;
    const tree = parts.treeOf(run.definition, hash, {
      address,
      identity: { tenant, actor, correlationId },
      priority: jobPriority(priority, seq),
      ...(parent === undefined ? {} : { parent }),
    });
    await addJobs(parts, runId, tree);
  }
  await enqueueRuns(parts, admitted);
  if (existing === null) return true;
  if (existing.definitionHash !== hash || existing.inputHash !== inputHash) {
    const other = existing.definitionHash === hash ? "input" : "workflow";
    throw new TuttiError("run_conflict", `run ${runId} exists with another ${other}`);
  }
  // Who started it may have died before the jobs were added.
  if (existing.state === "queued") await enqueueRun(parts, runId);
  return false;
}

/** Adds the jobs of runs that were admitted. */
export async function enqueueRuns(parts: RunParts, admitted: readonly string[]): Promise<void> {
  for (const runId of admitted) await enqueueRun(parts, runId);
}

/** Adds the jobs of a run. Those of a large one start when all are there; the record says how far it is. */
async function addJobs(parts: RunParts, runId: string, tree: readonly TreeNode[]): Promise<void> {
  await parts.flows.add(tree, () => parts.runs.note(runId, FIELDS.added, "1"));
  if (!parts.flows.fitsOneBatch(tree)) await parts.runs.note(runId, FIELDS.added, "2");
}

/**
 * Adds the jobs of a run that was admitted, or finishes what an earlier call began. Harmless at any
 * moment: jobs that are there are not added again. Returns whether there was something to do.
 */
export async function enqueueRun(parts: RunParts, runId: string): Promise<boolean> {
  const run = await runOf(parts, runId);
  if (run === null || (run.state !== "queued" && run.state !== "running")) return false;
  const [added, admittedAt] = await parts.runs.fields(runId, [FIELDS.added, FIELDS.admittedAt]);
  if (!admittedAt || added === "2" || (run.state === "running" && added !== "1")) return false;
  const tree = treeOfRun(parts, run);
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

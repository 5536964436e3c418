import {
  canonicalJson,
  contentHash,
  DEFAULT_PRIORITY,
  TuttiError,
  type JsonObject,
  given,
} from "../../../config/index.ts";
import type { RunDefinition } from "../../definition.ts";
import type { Identity } from "../../jobs.ts";
import type { Backpressure } from "../../tools/backpressure.ts";
import { keysOfSteps, type RunKeys } from "../../tools/lane-keys.ts";
import type { TreeNode } from "../flows.ts";
import { FIELDS, type ParentStep } from "../record/run-record.ts";
import { storedForm } from "../record/values.ts";
import { callReturned } from "./come-back.ts";
import { runOf, treeOfRun, type FoundRun, type RunParts } from "./parts.ts";

/** A run to start. */
export interface RunStart {
  readonly runId: string;
  readonly definition: RunDefinition;
  /** Content hash of the definition. */
  readonly hash: string;
  /** Checked against the workflow's `inputs`, with defaults filled in. */
  readonly input: JsonObject;
  readonly identity: Identity;
  /** 1 to 10, 10 the most urgent. Default: the workflow's priority, else 5. */
  readonly priority?: number;
  /** Runs with the same key run one after another, in the order of their submission. */
  readonly serialKey?: string;
  readonly parent?: ParentStep;
  /** Overrides the workflow's own. Milliseconds. */
  readonly timeoutMs?: number;
  /** Refuses the run if a queue is full. Default: nothing refuses it, because nobody is there to be told. */
  readonly backpressure?: Backpressure;
}

/** The run of a submission, and whether it is new. */
export interface Submitted {
  readonly runId: string;
  readonly created: boolean;
}

/** A run that is recorded. */
export interface Started extends Submitted {
  /**
   * Settles when its jobs, and those of runs admitted with it, are added or could not be. It never rejects: the record
   * stands, and a duty of the workers adds missing jobs.
   */
  readonly added: Promise<void>;
}

/**
 * Records a run and, if its tenant has room, adds its jobs. The same request again is the same run and completes what a
 * submitter that died left undone. Nothing that happens after the run is recorded is an error.
 *
 * @throws TuttiError `run_conflict` if the id is taken by another workflow or input, `payload_too_large`, `queue_full`
 * if the run is new and `backpressure` refuses it.
 * @throws ValidationError `input_invalid` if the `key` of a step yields none.
 */
export async function startRun(parts: RunParts, start: RunStart): Promise<Started> {
  const keys: RunKeys = {
    tenant: start.identity.tenant,
    steps: keysOfSteps(start.definition, start.runId, start.input),
  };
  const refusal = (await start.backpressure?.refusal(start.definition, keys)) ?? null;
  // A run that already exists has its place.
  if (refusal !== null && (await parts.runs.header(start.runId)) === null) throw refusal;
  const { runId, hash, definition, input, identity, serialKey, parent } = start;
  const { priority = definition.priority ?? DEFAULT_PRIORITY } = start;
  const { stored, large } = await storedForm(FIELDS.input, input);
  const inputHash = contentHash(canonicalJson(input));
  const run = {
    runId,
    ...identity,
    definition,
    hash,
    input: stored,
    ...given({ largeInput: large }),
    inputHash,
    priority,
    ...given({ serialKey, parent }),
    ...(definition.keyed === true ? { lanes: keys.steps } : {}),
    timeoutMs: start.timeoutMs ?? definition.timeoutMs,
  };
  const { existing, rank, added, admitted } = await parts.creations.create(run, parts.maxRunning);
  if (existing === null) {
    const add = async () => {
      if (rank !== null && !added) {
        const tree = parts.treeOf(definition, hash, {
          address: { workflowId: definition.workflow.id, runId, epoch: 0 },
          keys,
          identity,
          priority: rank,
          ...given({ parent }),
        });
        await addJobs(parts, runId, tree);
      }
      await enqueueRuns(parts, admitted);
    };
    return { runId, created: true, added: add().catch(() => {}) };
  }
  if (existing.hash !== hash || existing.inputHash !== inputHash) {
    const other = existing.hash === hash ? "input" : "workflow";
    throw new TuttiError("run_conflict", `run ${runId} exists with another ${other}`);
  }
  // The process that started it may have died before the jobs were added.
  const add = async () => {
    if (existing.state === "queued") await enqueueRun(parts, runId);
  };
  return { runId, created: false, added: add().catch(() => {}) };
}

/** Adds the jobs of runs that were admitted. */
export async function enqueueRuns(parts: RunParts, admitted: readonly string[]): Promise<void> {
  for (const runId of admitted) await enqueueRun(parts, runId);
}

/** Adds the jobs of a run. Those of a large run start when all are there. The record stores the progress. */
async function addJobs(parts: RunParts, runId: string, tree: readonly TreeNode[]): Promise<void> {
  await parts.flows.add(tree, () => parts.runs.note(runId, FIELDS.added, "1"));
  if (parts.flows.fitsOneBatch(tree)) return;
  await parts.runs.note(runId, FIELDS.added, "2");
  await parts.runs.jobsAreThere(runId);
}

/**
 * Adds the jobs of an admitted run, or finishes what an earlier call began; calls the steps of a run that has a place
 * again. Always harmless: existing jobs are not added again. Returns whether there was something to do.
 */
export async function enqueueRun(parts: RunParts, runId: string): Promise<boolean> {
  const run = await runOf(parts, runId);
  if (run === null) return false;
  const added = await enqueueFound(parts, run);
  if (run.returned) await callReturned(parts, run);
  return added || run.returned;
}

/** The same for a run that was just read. */
export async function enqueueFound(parts: RunParts, run: FoundRun): Promise<boolean> {
  const { added, admitted } = run;
  const { runId } = run.address;
  if (run.state !== "queued" && run.state !== "running") return false;
  if (!admitted || added === "2" || (run.state === "running" && added !== "1")) return false;
  const tree = treeOfRun(parts, run);
  if (added === "1") {
    await parts.flows.release(tree);
    await parts.runs.note(runId, FIELDS.added, "2");
    return true;
  }
  // The tree of one batch is there as a whole or not at all.
  if (parts.flows.fitsOneBatch(tree) && (await parts.flows.has(tree[0]!.queue, tree[0]!.jobId)))
    return false;
  await addJobs(parts, runId, tree);
  return true;
}

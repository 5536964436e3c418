import { completeRunInput, contentHash, type JsonObject } from "../../../config/index.ts";
import type { Identity } from "../../jobs.ts";
import type { RunParts } from "../../runs/lifecycle/parts.ts";
import { startRun, type Started } from "../../runs/lifecycle/start.ts";
import type { Backpressure } from "../../tools/backpressure.ts";
import type { ResolvedWorkflow, WorkflowRegistry } from "./workflows.ts";

/** What is needed to start registered workflows. */
export interface StartParts extends RunParts {
  readonly registry: WorkflowRegistry;
}

/** A start of a registered workflow. */
export interface StartRequest {
  readonly workflowId: string;
  /** The version to start. Default: the current one. */
  readonly hash?: string;
  readonly runId: string;
  /** As given; defaults are filled in. */
  readonly input: JsonObject;
  readonly identity: Identity;
  /** 1 to 10, 10 the most urgent. Default: the workflow's priority. */
  readonly priority?: number;
  /** Runs with the same key run one after another. */
  readonly serialKey?: string;
  /** Refuses the run if a queue is full. Default: nothing refuses it. */
  readonly backpressure?: Backpressure;
}

/** The id of the run that a tenant requested with this key. The same key is the same run. */
export function runIdOfKey(tenant: string, key: string): string {
  return `k-${contentHash(JSON.stringify([tenant, key]))}`;
}

/**
 * Starts a registered workflow. Neither its document nor the catalogue is needed again.
 *
 * @throws TuttiError `workflow_not_found`, `run_conflict`, `payload_too_large`, `queue_full`.
 * @throws ValidationError `input_invalid` with every problem of the input.
 */
export async function startRegistered(
  parts: StartParts,
  request: StartRequest,
): Promise<Started & { readonly hash: string }> {
  const { workflowId: _, input: given, ...rest } = request;
  const { hash, definition } = await versionFor(parts, request);
  const input = completeRunInput(definition.inputs, given);
  const submitted = await startRun(parts, { ...rest, hash, definition, input });
  return { ...submitted, hash };
}

/**
 * A repeated start means the same run, even if another version became current or all were removed meanwhile. So it uses
 * the version of the existing run.
 */
async function versionFor(parts: StartParts, request: StartRequest): Promise<ResolvedWorkflow> {
  const { workflowId, hash, runId } = request;
  const header = await parts.runs.header(runId);
  if (header?.workflowId === workflowId && (hash === undefined || hash === header.hash)) {
    const definition = await parts.runs.definition(header.hash);
    if (definition !== null) return { hash: header.hash, definition };
  }
  return parts.registry.resolve(workflowId, hash);
}

import { completeRunInput, contentHash, type JsonObject } from "../../../config/index.ts";
import type { Identity } from "../../jobs.ts";
import type { RunParts } from "../../runs/lifecycle/parts.ts";
import { startRun, type Started } from "../../runs/lifecycle/start.ts";
import type { Backpressure } from "../../tools/backpressure.ts";
import type { ResolvedWorkflow, WorkflowRegistry } from "./workflows.ts";

/** What starting registered workflows needs. */
export interface StartParts extends RunParts {
  readonly registry: WorkflowRegistry;
}

/** A start of a registered workflow. */
export interface StartRequest {
  readonly workflowId: string;
  /** The version to start. Default: the one that is current now. */
  readonly hash?: string;
  readonly runId: string;
  /** As it was given; defaults are filled in. */
  readonly input: JsonObject;
  readonly identity: Identity;
  /** 1 to 10, 10 the most urgent. Default: what the workflow says. */
  readonly priority?: number;
  /** Runs with the same word run one after another. */
  readonly serialKey?: string;
  /** Refuses it when a queue is full. Default: nothing does. */
  readonly backpressure?: Backpressure;
}

/** The id of the run that a tenant asked for with this key: the same key is the same run. */
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
 * A start that is repeated is meant to be the same run, also when another version became current or all
 * were removed in between: it looks at the version of the run that is there.
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

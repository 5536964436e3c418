import { isTuttiError } from "../../config/index.ts";
import {
  isOpen,
  startRegistered,
  type Canaries,
  type CanaryRecord,
  type CanaryResult,
  type StartParts,
} from "../../queues/index.ts";
import { forgetRun } from "../../queues/worker.ts";

/** How often a canary run is started. Milliseconds. */
export const CANARY_INTERVAL_MS = 60_000;
/** Whose runs they are: they do not stand in anybody's line. */
const TENANT = "canary";

/** What the job scheduler gives every pass. */
export interface CanaryJob {
  readonly workflowId: string;
  readonly everyMs: number;
}

/** What a pass saw of the run before, and the run that it started. */
interface CanaryReport {
  readonly before: CanaryResult | null;
  /** Null: the one before is open still. */
  readonly started: string | null;
}

/**
 * Looks at the last canary run and starts the next one: a registered workflow that tells whether the deployment does what
 * it is there for. While one is open no other is started. One that went well is removed; what did not is kept like any run.
 */
export async function flyCanary(
  parts: StartParts,
  canaries: Canaries,
  { workflowId, everyMs }: CanaryJob,
): Promise<CanaryReport> {
  const known = await canaries.read();
  const record: CanaryRecord =
    known?.workflowId === workflowId ? known : { workflowId, everyMs, runId: null, results: [] };
  const atMs = await parts.runs.now();
  const before = record.runId === null ? null : await resultOf(parts, record.runId, atMs);
  // One that is open for long is one that did not end, however often it is looked at.
  const others = record.results.filter(({ runId }) => runId !== before?.runId);
  const results = before === null ? record.results : [...others, before];
  if (before?.state === "open") {
    await canaries.write({ ...record, everyMs, results });
    return { before, started: null };
  }
  const runId = `canary-${atMs}`;
  // Written first: who dies now is found out by the next pass, which then sees no run.
  await canaries.write({ workflowId, everyMs, runId, results });
  if (before?.state === "completed") await forgetRun(parts, before.runId);
  try {
    const identity = { tenant: TENANT, actor: TENANT, correlationId: runId };
    await (
      await startRegistered(parts, { workflowId, runId, input: {}, identity })
    ).added;
  } catch (thrown) {
    if (!isTuttiError(thrown) || thrown.retryable) throw thrown;
    const reason = `${thrown.code}: ${thrown.message}`;
    const failed: CanaryResult = { runId, state: "none", tookMs: null, reason, atMs };
    await canaries.write({ workflowId, everyMs, runId: null, results: [...results, failed] });
    return { before: failed, started: null };
  }
  return { before, started: runId };
}

async function resultOf({ runs }: StartParts, runId: string, atMs: number): Promise<CanaryResult> {
  const header = await runs.header(runId);
  if (header === null)
    return { runId, state: "none", tookMs: null, reason: "there is no record of it", atMs };
  const { state, submittedAtMs, finishedAtMs, error } = header;
  const tookMs = finishedAtMs === null ? null : finishedAtMs - submittedAtMs;
  if (isOpen(state)) {
    const reason = `it is ${state} since ${Math.round((atMs - submittedAtMs) / 1_000)} s`;
    return { runId, state: "open", tookMs: null, reason, atMs };
  }
  const reason = error === undefined ? {} : { reason: `${error.code}: ${error.message}` };
  return { runId, state, tookMs, ...reason, atMs };
}

import { readJson } from "../../config/index.ts";
import {
  enqueueRun,
  enqueueRuns,
  FIELDS,
  hurry,
  resumeCancel,
  runOf,
  type Abort,
  type RunHeader,
} from "../../queues/index.ts";
import { eachOf, type Failure } from "./each-of.ts";
import { repairRun, type RepairParts } from "./repair.ts";

/** How often half-done work is looked for. Milliseconds. */
export const SWEEP_INTERVAL_MS = 30_000;
/** What is younger than this share of the interval may still be in somebody's hands. */
export const QUIET_SHARE = 1 / 3;
const QUIET_MS = SWEEP_INTERVAL_MS * QUIET_SHARE;

/** What a pass repaired. */
export interface SweepReport {
  /** Runs that waited although their tenant had room. */
  readonly admitted: readonly string[];
  /** Runs whose submitter died before their jobs were added. */
  readonly enqueued: readonly string[];
  /** Runs whose canceller died before they were ended. */
  readonly ended: readonly string[];
  /** Jobs that were told to go on, because who should have told them died: `<run> <step>`. */
  readonly released: readonly string[];
  /** Steps whose job somebody removed: `<run> <step>`. */
  readonly lost: readonly string[];
  /** Runs and tenants that could not be looked after in this pass; missing when there were none. */
  readonly failures?: readonly Failure[];
}

type Repaired = { readonly [part in Exclude<keyof SweepReport, "failures">]: string[] };

/** Finishes what a process left half done when it died. */
export async function sweep(parts: RepairParts, quietMs: number = QUIET_MS): Promise<SweepReport> {
  const report: Repaired = { admitted: [], enqueued: [], ended: [], released: [], lost: [] };
  const failures = await eachOf(await parts.runs.tenants(), async (tenant) => {
    const admitted = await parts.runs.admit(tenant, parts.maxRunning);
    report.admitted.push(...admitted);
    await enqueueRuns(parts, admitted);
  });
  const nowMs = await parts.runs.now();
  failures.push(
    ...(await eachOf(await parts.runs.open(), async (runId) => {
      const header = await parts.runs.header(runId);
      if (header === null || nowMs - header.submittedAtMs < quietMs) return;
      await sweepRun(parts, header, report, nowMs);
    })),
  );
  return failures.length > 0 ? { ...report, failures } : report;
}

async function sweepRun(
  parts: RepairParts,
  { runId, state }: Pick<RunHeader, "runId" | "state">,
  report: Repaired,
  nowMs: number,
): Promise<void> {
  if (state === "cancelling" || state === "running" || state === "parked")
    await tellAgain(parts, runId);
  if (state === "cancelling") {
    const after = await resumeCancel(parts, runId);
    if (after !== null && after !== "cancelling") report.ended.push(runId);
    return;
  }
  if (await enqueueRun(parts, runId)) report.enqueued.push(runId);
  const { released, lost } = await repairRun(parts, runId, nowMs);
  report.released.push(...released.map((name) => `${runId} ${name}`));
  report.lost.push(...lost.map((name) => `${runId} ${name}`));
}

/**
 * Tells everybody once more that a run, or a group of it, is being stopped. Who wrote that may have died
 * before telling, and a worker whose connection was cut may not have heard: its call would go on.
 */
async function tellAgain(parts: RepairParts, runId: string): Promise<void> {
  const run = await runOf(parts, runId);
  const groups = Object.keys(run?.definition.groups ?? {});
  const fields = [FIELDS.abort, ...groups.map((group) => FIELDS.groupAbort(group))];
  for (const text of await parts.runs.fields(runId, fields)) {
    if (text === null) continue;
    const abort = readJson<Abort>(text);
    await parts.runs.tellAbort(runId, abort);
    if (run?.state !== "cancelling") await hurry(parts, runId, abort.group);
  }
}

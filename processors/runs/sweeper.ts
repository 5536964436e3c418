import { readJson } from "../../config/index.ts";
import { FIELDS, runOf, type Abort, type FoundRun } from "../../queues/index.ts";
import { enqueueFound, enqueueRun, wakeWaitingSteps, resumeCancel } from "../../queues/worker.ts";
import { eachOf, keptOf, type Failure } from "./each-of.ts";
import { eachPage } from "./each-page.ts";
import { repairRun, type RepairParts } from "./repair.ts";

/** How often half-done work is looked for. Milliseconds. */
export const SWEEP_INTERVAL_MS = 30_000;
/** A pass takes no more runs after this time. Milliseconds. */
const BUDGET_MS = 500;
/** Runs of each kind that are taken together. */
const RUNS_AT_ONCE = 200;
/** Runs that are looked at together: their commands go to Redis without waiting for each other's answers. */
const AT_ONCE = 32;
/** Pages of all open runs that a pass looks through. */
const PAGES_PER_PASS = 5;
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

/**
 * Finishes what a process left half done when it died. A pass costs by what may need that, and it ends after a while: runs
 * that nobody has looked at for longest come first, so the next pass goes on where this one stopped.
 */
export async function sweep(parts: RepairParts, quietMs: number = QUIET_MS): Promise<SweepReport> {
  const report: Repaired = { admitted: [], enqueued: [], ended: [], released: [], lost: [] };
  const untilMs = performance.now() + BUDGET_MS;
  const nowMs = await parts.runs.now();
  const failures = [
    ...(await findMissing(parts)),
    ...(await admitWaiting(parts, report, untilMs)),
    ...(await lookAfter(parts, report, { nowMs, beforeMs: nowMs - quietMs, untilMs })),
  ];
  return failures.length > 0 ? { ...report, failures: keptOf(failures) } : report;
}

/** Goes bit by bit over all open runs, for those that the indexes do not have. */
async function findMissing({ runs: { tending } }: RepairParts): Promise<readonly Failure[]> {
  return eachOf(["all open runs"], async () => {
    const before = await tending.cursor("sweeper");
    let next = before;
    for (let page = 0; page < PAGES_PER_PASS; page++) {
      ({ next } = await tending.findOpen(next));
      if (next === "0") break;
    }
    if (next !== before) await tending.keepCursor("sweeper", next);
  });
}

/** Admits runs that wait although their tenant has room. */
async function admitWaiting(
  parts: RepairParts,
  report: Repaired,
  untilMs: number,
): Promise<readonly Failure[]> {
  const { tending } = parts.runs;
  const read = (from: string) => tending.lines(from);
  const isOver = () => performance.now() >= untilMs;
  return eachPage(tending, "admission", read, isOver, async (tenants) => {
    const admitted: string[] = [];
    const admit = async (some: readonly string[]) => {
      admitted.push(...(await tending.admit(some, parts.maxRunning)));
    };
    // Those of a page go together; one that cannot keeps the others from nothing.
    const together = await eachOf(["all"], () => admit(tenants));
    const failures = together.length > 0 ? await eachOf(tenants, (one) => admit([one])) : [];
    report.admitted.push(...admitted);
    failures.push(...(await eachOf(admitted, (runId) => enqueueRun(parts, runId), AT_ONCE)));
    return failures;
  });
}

/** Looks at runs that something could be wrong with, until there is no time left. */
async function lookAfter(
  parts: RepairParts,
  report: Repaired,
  { nowMs, beforeMs, untilMs }: { nowMs: number; beforeMs: number; untilMs: number },
): Promise<readonly Failure[]> {
  const failures: Failure[] = [];
  const look = (runId: string) => sweepRun(parts, runId, report, nowMs);
  let runs: readonly string[];
  do {
    runs = await parts.runs.tending.take(beforeMs, RUNS_AT_ONCE);
    failures.push(...(await eachOf(runs, look, AT_ONCE)));
  } while (runs.length > 0 && performance.now() < untilMs);
  return failures;
}

async function sweepRun(
  parts: RepairParts,
  runId: string,
  report: Repaired,
  nowMs: number,
): Promise<void> {
  const run = await runOf(parts, runId);
  if (run === null) return;
  const { state } = run;
  if (state === "cancelling" || state === "running" || state === "parked")
    await tellAgain(parts, run);
  if (state === "cancelling") {
    const after = await resumeCancel(parts, runId);
    if (after !== null && after !== "cancelling") report.ended.push(runId);
    return;
  }
  if (await enqueueFound(parts, run)) report.enqueued.push(runId);
  const { released, lost } = await repairRun(parts, run, nowMs);
  report.released.push(...released.map((name) => `${runId} ${name}`));
  report.lost.push(...lost.map((name) => `${runId} ${name}`));
}

/**
 * Tells everybody once more that a run, or a group of it, is being stopped. Who wrote that may have died
 * before telling, and a worker whose connection was cut may not have heard: its call would go on.
 */
async function tellAgain(parts: RepairParts, run: FoundRun): Promise<void> {
  const { runId } = run.address;
  const groups = Object.keys(run.definition.groups ?? {});
  const texts = await parts.runs.fields(
    runId,
    groups.map((group) => FIELDS.groupAbort(group)),
  );
  const aborts = texts.flatMap((text) => (text === null ? [] : [readJson<Abort>(text)]));
  for (const abort of run.abort === null ? aborts : [run.abort, ...aborts]) {
    await parts.runs.tellAbort(runId, abort);
    if (run.state !== "cancelling") await wakeWaitingSteps(parts, runId, abort.group);
  }
}

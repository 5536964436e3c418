import {
  FIELDS,
  jobOf,
  parseStepRecord,
  runOf,
  stepsOf,
  subRunId,
  toolOfQueue,
  type FoundRun,
  type Presence,
  type Reason,
  type StepOrItem,
  type StepRecord,
} from "../../queues/index.ts";
import { enqueueRuns, isControlStep, type SeenStep } from "../../queues/worker.ts";
import { eachOf, keptOf, type Failure } from "./each-of.ts";
import { eachPage } from "./each-page.ts";
import type { RepairParts } from "./repair.ts";

/** How often runs of which nothing can start are looked for. Milliseconds. */
export const PLACES_INTERVAL_MS = 5_000;
/** A pass takes no more tenants after this time. Milliseconds. */
const BUDGET_MS = 500;
/** Runs that are looked at together. */
const AT_ONCE = 16;
/** What a call waits for no longer than this is no reason to give a place away. Milliseconds. */
const SOON_MS = 5_000;

/** What a pass did. */
export interface PlacesReport {
  /** Runs that gave their place. */
  readonly gave: readonly string[];
  /** Runs that got one. */
  readonly admitted: readonly string[];
  /** Runs that could not be looked at in this pass; missing when there were none. */
  readonly failures?: readonly Failure[];
}

/** What can be started where, found out once in a pass. */
interface Reach {
  readonly parts: RepairParts;
  /** Tools that a live worker serves. */
  readonly served: ReadonlySet<string>;
  readonly queues: Map<string, Promise<boolean>>;
}

/**
 * A run in which nothing runs, and of which nothing can start, gives its place when another run of its tenant waits for
 * one: no worker serves what it calls, or its queue is paused, its tool rests, its service is away. Its time goes on, and
 * with the first step that begins it counts as at work again.
 */
export async function givePlaces(parts: RepairParts, presence: Presence): Promise<PlacesReport> {
  const report = { gave: [] as string[], admitted: [] as string[] };
  const workers = await presence.alive();
  const served = new Set(workers.flatMap(({ tools }) => tools));
  const reach: Reach = { parts, served, queues: new Map() };
  const look = async (runId: string): Promise<void> => {
    const seen = await stuckSteps(reach, runId);
    if (seen === null) return;
    const admitted = await parts.waits.givePlace(runId, seen, parts.maxRunning);
    if (admitted === null) return;
    report.gave.push(runId);
    report.admitted.push(...admitted);
    await enqueueRuns(parts, admitted);
  };
  const { tending } = parts.runs;
  const untilMs = performance.now() + BUDGET_MS;
  const failures = await eachPage(
    tending,
    "places",
    (from) => tending.lines(from),
    () => performance.now() >= untilMs,
    async (tenants) => eachOf(await tending.inTheWay(tenants), look, AT_ONCE),
  );
  return failures.length > 0 ? { ...report, failures: keptOf(failures) } : report;
}

/** The steps that would be the next to begin, here or in runs that work for it; null when something runs or can start. */
async function stuckSteps(reach: Reach, runId: string): Promise<readonly SeenStep[] | null> {
  const { parts } = reach;
  const run = await runOf(parts, runId);
  if (run === null || (run.state !== "running" && run.state !== "queued")) return null;
  const steps = await stepsOf(parts.runs, runId, run.definition);
  const fields = steps.map(({ stepId, item }) => FIELDS.record(stepId, item));
  const texts = await parts.runs.fields(runId, fields);
  const records = new Map(fields.map((field, index) => [field, parseStepRecord(texts[index])]));
  const next: SeenStep[] = [];
  for (const [index, step] of steps.entries()) {
    const record = records.get(fields[index]!)!;
    if (record.finishedAtMs !== null || record.state === "waiting") continue;
    if (record.state === "pending" && !isReady(run, step, records)) continue;
    const stuck = await stuckIn(reach, run, step, record);
    if (stuck === null) return null;
    next.push({ runId, field: fields[index]!, record: texts[index] ?? null }, ...stuck);
  }
  return next.length === 0 ? null : next;
}

/** Null when a step that could begin or go on can; else the steps that hold it up in a run that works for it. */
async function stuckIn(
  reach: Reach,
  run: FoundRun,
  step: StepOrItem,
  record: StepRecord,
): Promise<readonly SeenStep[] | null> {
  const definition = run.definition.steps[step.stepId]!;
  if (step.item === undefined && isControlStep(definition)) {
    // It needs no worker of its own; once it runs, others decide: its items, or the run that works for it.
    if (record.state !== "running") return null;
    if (definition.workflow === undefined) return [];
    return stuckSteps(reach, subRunId(run.address, step.stepId));
  }
  if (record.state === "running") return null;
  const { queue } = jobOf(run, step);
  const known = reach.queues.get(queue) ?? isAway(reach, queue);
  reach.queues.set(queue, known);
  return (await known) ? [] : null;
}

/** Whether no call of a queue can start before long. */
async function isAway({ parts, served }: Reach, queue: string): Promise<boolean> {
  if (!served.has(toolOfQueue(queue))) return true;
  const { paused, machines, now } = await parts.gate.explain(queue);
  const refusals = Object.values(machines);
  const lasts = (reason: Reason): boolean =>
    reason.kind === "degraded" ||
    reason.kind === "exceeds" ||
    ("untilMs" in reason && (reason.untilMs ?? 0) > now + SOON_MS);
  return paused || (refusals.length > 0 && refusals.every((reasons) => reasons.some(lasts)));
}

/** Whether nothing before it keeps a step or an item. */
function isReady(
  { definition, address }: FoundRun,
  { stepId, item }: StepOrItem,
  records: ReadonlyMap<string, StepRecord>,
): boolean {
  const { needs, join, forEach } = definition.steps[stepId]!;
  if (item !== undefined) {
    const before = address.epoch > 0 ? undefined : forEach?.streams;
    return before === undefined || records.get(FIELDS.record(before, item))?.finishedAtMs !== null;
  }
  const on = needs.map((need) => records.get(FIELDS.record(need)));
  return (
    on.every((record) => record?.finishedAtMs !== null) ||
    (join === "any" && on.some((record) => record?.state === "completed"))
  );
}

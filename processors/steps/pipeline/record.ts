import { readJson } from "../../../config/index.ts";
import { FIELDS, placesOf, type Abort } from "../../../queues/index.ts";
import {
  enqueueRuns,
  wakeWaitingSteps,
  parkIfIdle,
  type Committed,
  type Ending,
  type StepAddress,
} from "../../../queues/worker.ts";
import type { Engine } from "../engine.ts";
import type { Candidate } from "./candidate.ts";
import { doomedBy } from "./doomed.ts";
import { endAborted } from "./end-aborted.ts";
import { endRun } from "./end-run.ts";
import { ended, GONE, type Exit } from "./exit.ts";
import { callGranted } from "./granted.ts";

/**
 * Writes the ending of a step, once; whoever wrote first wins. Then does what follows from it: stops
 * what its policy stops, calls who waited for its place, ends or parks the run that has nothing else to do.
 */
export async function record(candidate: Candidate, ending: Ending): Promise<Exit> {
  const { engine, address } = candidate;
  const committed = await engine.ledger.commit(address, ending);
  if ("record" in committed && committed.status === "ok") await stop(candidate, ending);
  await follow(candidate, committed);
  return "record" in committed ? ended(committed.record) : GONE;
}

/**
 * The same together with the end of its job, by one script, where nothing has to be done between them: a step that has
 * completed stops nothing. What follows from it all the same is done before its job ends.
 */
export function recordAtEnd(candidate: Candidate, ending: Ending): Exit | Promise<Exit> {
  const { engine, job, token, address } = candidate;
  const { item, undo, alt } = job.data;
  const isPlain = item === undefined && undo !== true && alt === undefined;
  if (engine.moves === undefined || ending.outcome !== "completed" || !isPlain)
    return record(candidate, ending);
  engine.moves.endWith(
    { id: job.id, token },
    { step: address, ending, follow: (committed) => follow(candidate, committed) },
  );
  return { kind: "ending", state: "completed" };
}

async function follow(candidate: Candidate, committed: Committed): Promise<void> {
  const { engine, address } = candidate;
  if (committed.status === "fenced")
    engine.log.warn(named(address), "a result came too late: its step was taken over");
  if (!("record" in committed)) return;
  if (committed.status === "done" && committed.record.start !== address.start)
    engine.log.warn(named(address), "a result came too late: its step has ended");
  await goOn(candidate, committed);
}

const named = ({ runId, stepId, item }: StepAddress): object => ({ runId, stepId, item });

/** Stops what the ending stops, and lets those pass that will not run because of it. */
async function stop({ engine, job, workflow, address }: Candidate, ending: Ending): Promise<void> {
  for (const abort of await abortsOf(engine, address.runId, ending)) {
    await engine.runs.tellAbort(address.runId, abort);
    await wakeWaitingSteps(engine, address.runId, abort.group);
  }
  if (ending.outcome === "completed" || job.data.item !== undefined) return;
  const places = await placesOf(engine, workflow.definition, job.data);
  await engine.gate.pass(doomedBy(places, job.data.stepId));
}

/** What has been stopped by an ending, or may have been. */
async function abortsOf(engine: Engine, runId: string, ending: Ending): Promise<readonly Abort[]> {
  const { aborts = [], systemic = [] } = ending;
  if (systemic.length === 0) return aborts;
  const fields = systemic.map(({ group }) =>
    group === undefined ? FIELDS.abort : FIELDS.groupAbort(group),
  );
  const texts = await engine.runs.fields(runId, fields);
  return [...aborts, ...texts.filter((text) => text !== null).map((text) => readJson<Abort>(text))];
}

/** Calls who waited for the place of the step, and ends or parks a run in which nothing else is left to do. */
async function goOn(
  { engine, job, workflow: { definition } }: Candidate,
  {
    granted,
    lastOfAborted,
    version,
    endsRun,
    admitted,
  }: Extract<Committed, { readonly granted: unknown }>,
): Promise<void> {
  await callGranted(engine, definition, job.data, granted);
  if (lastOfAborted) await endAborted(engine, definition, job.data);
  else if (endsRun) await endRun(engine, definition, job.data);
  else if (version !== undefined) await parkIfIdle(engine, definition, job.data, version);
  await enqueueRuns(engine, admitted);
}

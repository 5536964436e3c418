import { readJson } from "../../../config/index.ts";
import {
  FIELDS,
  parseStepRecord,
  type Abort,
  type RunDefinition,
  type RunParts,
  type RunPlaces,
  type RunState,
  type StepRecord,
} from "../../../queues/index.ts";
import { conclude, type RunEnding } from "../../../queues/worker.ts";
import { factsOf, stateOf } from "../decisions/endings.ts";

/** How the steps of a run ended, and why it was stopped, when it was. */
export interface Course {
  readonly records: ReadonlyMap<string, StepRecord>;
  readonly abort: Abort | null;
}

/**
 * Ends a run of which every step has ended. Harmless when it has ended, was resumed or is being stopped: whoever ends the last
 * running step of a run that is stopped ends it too.
 *
 * @param decide how it ended. Default: by its steps alone.
 */
export async function endRun(
  parts: RunParts,
  definition: RunDefinition,
  address: RunPlaces["address"],
  decide: (course: Course) => Promise<RunEnding> = async (course) => bySteps(definition, course),
): Promise<RunState | "gone"> {
  const ids = Object.keys(definition.steps);
  const [state, epoch, abortText, ...texts] = await parts.runs.fields(address.runId, [
    "state",
    "epoch",
    FIELDS.abort,
    ...ids.map((id) => FIELDS.record(id)),
  ]);
  // An epoch that is over has no say.
  if (!state || Number(epoch) !== address.epoch) return "gone";
  if (state === "cancelling" || state === "compensating") return state;
  const abort = abortText ? readJson<Abort>(abortText) : null;
  const records = new Map(ids.map((id, index) => [id, parseStepRecord(texts[index])]));
  const ending = await decide({ records, abort });
  return (await conclude(parts, { address, definition, abort }, ending)) ?? "gone";
}

function bySteps(definition: RunDefinition, { records, abort }: Course): RunEnding {
  const { facts, error } = factsOf(definition, records, abort);
  return { state: stateOf(facts), ...(error === undefined ? {} : { error }) };
}

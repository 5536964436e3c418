import { PENDING, shownAs } from "../../../queues/client.ts";
import { type RunDefinition, type StepRecord } from "../../../queues/index.ts";

/** Records of steps by id, of items as `<id>[i]`. */
export type RecordsByName = ReadonlyMap<string, StepRecord>;

/**
 * When a step or an item was free to begin: the run was admitted, and the last step it needs had ended.
 * Null while that has not come. Of an item: its forEach had begun, and the item `maxParallel` places
 * before it had ended, or in a pipeline the same item of the stage before. Redis' clock, milliseconds.
 */
export function eligibleAtMs(
  run: {
    readonly definition: RunDefinition;
    readonly records: RecordsByName;
    readonly admittedAtMs: number | null;
  },
  stepId: string,
  item?: number,
): number | null {
  const { definition, records, admittedAtMs } = run;
  if (admittedAtMs === null) return null;
  const freed =
    item === undefined ? stepFreed(definition, records, stepId) : itemFreed(run, stepId, item);
  if (freed === null) return null;
  const { startedAtMs } = records.get(shownAs(stepId, item)) ?? PENDING;
  // Kept from before a resumption: of that admission nothing is known any more.
  if (startedAtMs !== null && startedAtMs < admittedAtMs) return freed > 0 ? freed : null;
  return Math.max(admittedAtMs, freed);
}

function stepFreed(
  definition: RunDefinition,
  records: RecordsByName,
  stepId: string,
): number | null {
  const { needs = [], join } = definition.steps[stepId] ?? {};
  const on = needs.map((need) => records.get(need) ?? PENDING);
  if (join === "any") {
    const first = on.filter(({ state }) => state === "completed").map(endOf);
    if (first.length > 0) return Math.min(...first);
  }
  const before = [...on, ...inSequence(definition, records, stepId)];
  return before.some(({ finishedAtMs }) => finishedAtMs === null)
    ? null
    : Math.max(0, ...before.map(endOf));
}

/** Mode `sequential`: the steps that had their turn before; as many as there are until this one has begun. */
function inSequence(
  definition: RunDefinition,
  records: RecordsByName,
  stepId: string,
): StepRecord[] {
  const { sequence = [] } = definition;
  const { startedAtMs } = records.get(stepId) ?? PENDING;
  if (startedAtMs === null)
    return turnsBefore(definition, stepId).map((id) => records.get(id) ?? PENDING);
  return sequence
    .filter((id) => id !== stepId)
    .map((id) => records.get(id) ?? PENDING)
    .filter(({ finishedAtMs }) => finishedAtMs !== null && finishedAtMs <= startedAtMs);
}

function itemFreed(
  { definition, records }: { definition: RunDefinition; records: RecordsByName },
  stepId: string,
  item: number,
): number | null {
  const before = itemBefore(definition, stepId, item);
  const freed =
    before === null
      ? records.get(stepId)?.startedAtMs
      : records.get(shownAs(before.stepId, before.item))?.finishedAtMs;
  return freed ?? null;
}

/**
 * The item that another one comes behind: the one `maxParallel` places before it, or in a pipeline the same
 * item of the stage before. Null: it begins with its forEach.
 */
export function itemBefore(
  { steps }: RunDefinition,
  stepId: string,
  item: number,
): { readonly stepId: string; readonly item: number } | null {
  const { maxParallel = 1, streams } = steps[stepId]?.forEach ?? {};
  if (streams !== undefined) return { stepId: streams, item };
  return item < maxParallel ? null : { stepId, item: item - maxParallel };
}

/** Mode `sequential`: the steps that have their turn before a step, in their order. */
export function turnsBefore({ sequence = [] }: RunDefinition, stepId: string): readonly string[] {
  return sequence.slice(0, Math.max(0, sequence.indexOf(stepId)));
}

const endOf = ({ finishedAtMs }: StepRecord): number => finishedAtMs ?? Infinity;

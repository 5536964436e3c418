import { quoted, readJson, TuttiError, type Json, type JsonObject } from "../../../config/index.ts";
import type { RunDefinition } from "../../definition.ts";
import { keysOfSteps } from "../../tools/lane-keys.ts";
import { partName } from "../record/part-names.ts";
import { FIELDS, isOpen, parseStepRecord, type StepRecord } from "../record/run-record.ts";
import { storedForm } from "../record/values.ts";
import { runOf, stepsOf, type FoundRun, type RunParts } from "./parts.ts";
import { enqueueRuns } from "./start.ts";

/** What to run again. */
export interface Reopen {
  /** `failed`: every step that failed or was cancelled. Otherwise ids of steps. Their dependents run again too. */
  readonly steps: "failed" | readonly string[];
  /** Completed steps may be named too. */
  readonly anyState?: boolean;
  /** Replaces the input of the run for what runs again. */
  readonly input?: { readonly value: JsonObject; readonly hash: string };
  /** Replaces the input of steps: values, not expressions. */
  readonly with?: Readonly<Record<string, Json>>;
  /** Who asks. */
  readonly actor: string;
}

/** What was reopened. */
export interface Reopened {
  readonly epoch: number;
  readonly steps: readonly string[];
}

/**
 * Resumes an ended run as its next epoch. The named steps and all that depend on them run again; every other result is
 * kept. If only some items of a step failed, the other items are kept. Whatever was undone runs again. Null if there is
 * no such run.
 *
 * @throws TuttiError `resume_refused` if the run is open, was resumed meanwhile, or has no such step to resume;
 * `unknown_step`; `request_invalid` if `with` names a step that is kept.
 * @throws ValidationError `input_invalid` if the `key` of a step yields none for the new input.
 */
export async function reopenRun(
  parts: RunParts,
  runId: string,
  what: Reopen,
): Promise<Reopened | null> {
  const run = await runOf(parts, runId);
  if (run === null) return null;
  if (isOpen(run.state))
    throw new TuttiError(
      "resume_refused",
      `run ${runId} is ${run.state}; only one that has ended can be resumed`,
    );
  if (run.parent !== undefined)
    throw new TuttiError(
      "resume_refused",
      `run ${runId} works for run ${run.parent.runId}; resume that one`,
    );
  const { definition, address } = run;
  const ids = Object.keys(definition.steps);
  const texts = await parts.runs.fields(runId, [
    FIELDS.undoing,
    ...ids.map((id) => FIELDS.record(id)),
  ]);
  const records = new Map(ids.map((id, index) => [id, parseStepRecord(texts[index + 1])]));
  const undone = readJson<string[]>(texts[0] ?? "[]").map((one) => one.split(".")[0]!);
  const named = namedSteps(definition, records, what);
  const again = withDependents(definition, records, [...named, ...undone]);
  const kept = Object.keys(what.with ?? {}).filter((id) => !again.has(id));
  if (kept.length > 0)
    throw new TuttiError(
      "request_invalid",
      `expected with to name steps that run again; these do not: ${kept.join(", ")}`,
    );
  // Items are kept only if the list stays the same: nothing that it may come from runs again.
  const sameList = (id: string): boolean =>
    what.input === undefined && !definition.steps[id]!.needs.some((need) => again.has(need));
  const partly = new Set(
    named.filter(
      (id) =>
        records.get(id)?.state !== "completed" && what.with?.[id] === undefined && sameList(id),
    ),
  );
  const keepsItems = (id: string): boolean => partly.has(id) && !undone.includes(id);
  const slots = await slotsToClear(parts, runId, definition, again, keepsItems);
  const edits = await Promise.all(
    Object.entries(what.with ?? {}).map(async ([id, value]) => {
      const { stored, large } = await storedForm(FIELDS.edited(id), value);
      if (large !== undefined)
        throw new TuttiError("payload_too_large", `the new input of ${id} is too large`);
      return [FIELDS.edited(id), stored];
    }),
  );
  for (const [id, most] of await mostItems(parts, runId, definition, again))
    edits.push([FIELDS.most(id), most]);
  edits.push(...lanesOf(run, again, what));
  const answer = await parts.runs.reopen(runId, {
    epoch: address.epoch,
    cap: parts.maxRunning,
    actor: what.actor,
    count: again.size,
    reopened: JSON.stringify({
      steps: [...again],
      free: freeSteps(definition, records, again),
    }),
    steps: slots,
    fields: [
      ...["", ...Object.keys(definition.groups ?? {})].flatMap((group) => {
        const field = group === "" ? FIELDS.abort : FIELDS.groupAbort(group);
        return [field, `systemic:${field}`];
      }),
      ...[...again].filter((id) => !keepsItems(id)).map((id) => FIELDS.count(id)),
    ],
    edits,
    ...(await inputOf(parts, runId, what)),
  });
  if (answer === null) return null;
  if (answer.reopened === undefined) {
    throw new TuttiError("resume_refused", `run ${runId} was resumed by somebody else meanwhile`);
  }
  await enqueueRuns(parts, answer.admitted);
  return { epoch: answer.reopened, steps: ids.filter((id) => again.has(id)) };
}

/** The lanes of the steps that run again with another input. Those of earlier jobs are kept. */
function lanesOf(
  { definition, address, keys }: FoundRun,
  again: ReadonlySet<string>,
  { input }: Reopen,
): [string, string][] {
  if (input === undefined || definition.keyed !== true) return [];
  const found = Object.entries(keysOfSteps(definition, address.runId, input.value));
  const anew = Object.fromEntries(found.filter(([id]) => again.has(id)));
  return [
    [FIELDS.lanesOf(address.epoch), JSON.stringify(keys.steps)],
    [FIELDS.lanes, JSON.stringify({ ...keys.steps, ...anew })],
  ];
}

/**
 * The most items that each forEach ever had. Its next list may be shorter, but all items must be forgotten in the end.
 */
async function mostItems(
  parts: RunParts,
  runId: string,
  definition: RunDefinition,
  again: ReadonlySet<string>,
): Promise<[string, string][]> {
  const counts = new Map<string, number>();
  const steps = await stepsOf(parts.runs, runId, definition, { ever: true });
  for (const { stepId, item } of steps)
    if (item !== undefined && again.has(stepId)) counts.set(stepId, item + 1);
  return [...counts].map(([id, count]) => [id, String(count)]);
}

/** The requested steps. */
function namedSteps(
  definition: RunDefinition,
  records: ReadonlyMap<string, StepRecord>,
  { steps, anyState }: Reopen,
): string[] {
  const bad = (id: string): boolean => {
    const state = records.get(id)?.state;
    return state === "failed" || state === "cancelled";
  };
  if (steps === "failed") {
    const found = [...records.keys()].filter(bad);
    if (found.length > 0) return found;
    throw new TuttiError("resume_refused", "no step of the run failed or was cancelled");
  }
  for (const id of steps) {
    if (!Object.hasOwn(definition.steps, id))
      throw new TuttiError("unknown_step", `the run has no step ${quoted(id)}`);
    if (anyState === true || bad(id)) continue;
    const { state } = records.get(id)!;
    throw new TuttiError(
      "resume_refused",
      `expected ${id} to have failed or been cancelled; it is ${state}`,
    );
  }
  return [...steps];
}

/** These steps and all that depend on them, except `any` steps that completed. */
function withDependents(
  definition: RunDefinition,
  records: ReadonlyMap<string, StepRecord>,
  named: readonly string[],
): Set<string> {
  const dependents = new Map<string, string[]>();
  for (const [id, { needs }] of Object.entries(definition.steps))
    for (const need of needs) dependents.set(need, [...(dependents.get(need) ?? []), id]);
  const again = new Set(named);
  const open = [...again];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const next of dependents.get(id) ?? []) {
      const kept =
        definition.steps[next]?.join === "any" && records.get(next)?.state === "completed";
      if (again.has(next) || kept) continue;
      again.add(next);
      open.push(next);
    }
  }
  return again;
}

/** Reopened `any` steps that need not wait, because a kept dependency has completed. */
function freeSteps(
  definition: RunDefinition,
  records: ReadonlyMap<string, StepRecord>,
  again: ReadonlySet<string>,
): string[] {
  return [...again].filter((id) => {
    const { join, needs } = definition.steps[id]!;
    return (
      join === "any" &&
      needs.some((need) => !again.has(need) && records.get(need)?.state === "completed")
    );
  });
}

/** The slots to forget: the steps, and their items unless only some of them failed. */
async function slotsToClear(
  parts: RunParts,
  runId: string,
  definition: RunDefinition,
  again: ReadonlySet<string>,
  keepsItems: (stepId: string) => boolean,
): Promise<string[]> {
  const all = (await stepsOf(parts.runs, runId, definition)).filter(({ stepId }) =>
    again.has(stepId),
  );
  const items = all.filter(({ item }) => item !== undefined);
  const records = await parts.runs.fields(
    runId,
    items.map(({ stepId, item }) => FIELDS.record(stepId, item)),
  );
  const clear = items.filter(
    ({ stepId }, index) =>
      !keepsItems(stepId) || parseStepRecord(records[index]).state !== "completed",
  );
  return [
    ...all.filter(({ item }) => item === undefined).map(({ stepId }) => stepId),
    ...clear.map(({ stepId, item }) => partName(stepId, item)),
  ];
}

async function inputOf(
  parts: RunParts,
  runId: string,
  { input }: Reopen,
): Promise<{ input?: string; inputHash?: string }> {
  if (input === undefined) return {};
  const { stored, large } = await storedForm(FIELDS.input, input.value);
  if (large !== undefined) await parts.runs.keepValue(runId, FIELDS.input, large);
  return { input: stored, inputHash: input.hash };
}

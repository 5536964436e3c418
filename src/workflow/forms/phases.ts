import { nearest, placeName, shownValue } from "../../../config/index.ts";
import { findCycle, topologicalOrder } from "../graph/dag.ts";
import { asId, type Draft, type DraftStep, type Fields, type Path } from "./draft.ts";
import { patternWords, readBranch, readLane, readStep, type Lane } from "./patterns.ts";
import type { Words } from "./words.ts";

const PHASE: Words = { id: "id", name: "name", description: "description" };
const MORE = ["mode", "parallel", "dependencies", "tasks", "branches"];

interface Phase {
  readonly at: Path;
  readonly fields: Fields;
  /** Its id or its name: what the ids of its steps begin with. */
  readonly title: string;
  /** Positions of the phases it waits for. */
  readonly on: readonly number[];
}

/**
 * `{id, phases: [{name, mode, parallel, dependencies, tasks | branches}]}`: a phase starts when
 * all steps of the phases it depends on have ended. Its tasks run one after another unless `parallel`
 * is true; its branches run side by side unless it is false.
 */
export function readPhases(draft: Draft, data: Fields): Fields {
  draft.read(data, [], patternWords("phases"));
  const phases = phasesOf(draft, draft.list(data["phases"], ["phases"]) ?? []);
  const dependencies = phases.map(({ on }) => on);
  const order = topologicalOrder(dependencies);
  if (order === null) refuseCycle(draft, phases, findCycle(dependencies) ?? []);
  // In this order the steps that a phase waits for are there already.
  const lasts = new Map<number, readonly DraftStep[]>();
  for (const position of order ?? phases.keys()) {
    const phase = phases[position]!;
    // The last steps of a phase are what the next one waits for.
    const after = phase.on.flatMap((before) => [...(lasts.get(before) ?? [])]);
    lasts.set(position, readPhase(draft, phase, after));
  }
  // A workflow without an id is called as people call it.
  return data["id"] === undefined && typeof data["name"] === "string"
    ? { id: asId(data["name"]) }
    : {};
}

/** Reads all but the steps, and finds out who waits for whom: a phase is called by its id or its name. */
function phasesOf(draft: Draft, list: readonly unknown[]): Phase[] {
  const read = list.flatMap((value, index) => {
    const at = ["phases", index];
    const fields = draft.read(value, at, PHASE, MORE);
    return fields === undefined ? [] : [{ at, fields }];
  });
  const positions = new Map<string, number>();
  for (const [position, { at, fields }] of read.entries()) {
    if (fields["id"] === undefined && fields["name"] === undefined)
      draft.refuse([...at, "name"], `expected ${placeName([...at, "name"])} to be given (a name)`, {
        at: "key",
      });
    for (const key of ["id", "name"]) {
      const given = fields[key];
      const good = typeof given === "string" && given !== "";
      if (!draft.expect(good, given, [...at, key], "a name") || !good) continue;
      const first = positions.get(given);
      if (first === undefined) positions.set(given, position);
      else if (first !== position)
        draft.refuse(
          [...at, key],
          `expected ${placeName([...at, key])} to be unique, got: ${shownValue(given)}, which is ${placeName(read[first]!.at)} too`,
        );
    }
  }
  return read.map(({ at, fields }) => {
    const title = [fields["id"], fields["name"]].find((one) => typeof one === "string") ?? "phase";
    const on = [...new Set(dependenciesOf(draft, fields["dependencies"], at, positions))];
    return { at, fields, title, on };
  });
}

function dependenciesOf(
  draft: Draft,
  given: unknown,
  at: Path,
  positions: ReadonlyMap<string, number>,
): number[] {
  const path = [...at, "dependencies"];
  draft.expect(Array.isArray(given), given, path, "a list of phases");
  if (!Array.isArray(given)) return [];
  return given.flatMap((one: unknown, index) => {
    const position = typeof one === "string" ? positions.get(one) : undefined;
    if (position !== undefined) return [position];
    const suggestion = typeof one === "string" ? nearest(one, positions.keys()) : undefined;
    const where = placeName([...path, index]);
    draft.refuse(
      [...path, index],
      `expected ${where} to name a phase of this document, got: ${shownValue(one)}`,
      { code: "unknown_step", ...withSuggestion(suggestion) },
    );
    return [];
  });
}

function refuseCycle(draft: Draft, phases: readonly Phase[], cycle: readonly number[]): void {
  const titles = [...cycle, ...cycle.slice(0, 1)].map((position) => phases[position]!.title);
  draft.refuse(
    [...phases[cycle[0] ?? 0]!.at, "dependencies"],
    `phases wait for each other: ${titles.join(" -> ")}`,
    { code: "workflow_cycle" },
  );
}

/** Reads the steps of a phase and returns those that nothing in it comes after. */
function readPhase(draft: Draft, phase: Phase, after: readonly DraftStep[]): DraftStep[] {
  const { at, fields, title } = phase;
  const { isParallel, performer } = modeOf(draft, fields, at);
  const before = draft.steps.length;
  const last = readSteps(draft, phase, isParallel, { prefix: title, after, performer });
  const tools = draft.steps.slice(before).map((step) => step.fields["tool"]);
  const isUsed = tools.some((tool) => tool === performer || String(tool).endsWith(`.${performer}`));
  if (performer !== undefined && tools.length > 0 && !isUsed) {
    const where = [...at, "mode"];
    draft.refuse(
      where,
      `expected ${placeName(where)} to be parallel or sequential, or the tool of tasks that have none, got: ${shownValue(performer)}`,
      withSuggestion(nearest(performer, ["parallel", "sequential"])),
    );
  }
  return last;
}

function readSteps(
  draft: Draft,
  { at, fields }: Phase,
  isParallel: boolean | undefined,
  lane: Lane,
): DraftStep[] {
  const after = lane.after ?? [];
  if (fields["branches"] !== undefined && fields["tasks"] !== undefined)
    draft.refuse([...at, "tasks"], `${placeName(at)} has tasks and branches: give one of them`);
  if (fields["branches"] === undefined) {
    const where: Path = [...at, "tasks"];
    const tasks = draft.list(fields["tasks"], where) ?? [];
    if (isParallel !== true) return readLane(draft, tasks, where, lane).slice(-1);
    return tasks.flatMap((task, index) => {
      const step = readStep(draft, task, [...where, index], lane, { needs: after });
      return step === undefined ? [] : [step];
    });
  }
  const where: Path = [...at, "branches"];
  let last: DraftStep[] = [];
  for (const [index, branch] of (draft.list(fields["branches"], where) ?? []).entries()) {
    const before = isParallel === false && last.length > 0 ? last : after;
    const end = readBranch(draft, branch, [...where, index], { ...lane, after: before }).slice(-1);
    last = isParallel === false && end.length > 0 ? end : [...last, ...end];
  }
  return last;
}

/** `mode` says the order as `parallel` does, or names the tool of the tasks that are only names. */
function modeOf(
  draft: Draft,
  { mode, parallel }: Fields,
  at: Path,
): { readonly isParallel: boolean | undefined; readonly performer: string | undefined } {
  const given = typeof parallel === "boolean" ? parallel : undefined;
  draft.expect(given !== undefined, parallel, [...at, "parallel"], "true or false");
  const named = typeof mode === "string" && mode !== "";
  draft.expect(named, mode, [...at, "mode"], "parallel, sequential or a tool");
  if (mode !== "parallel" && mode !== "sequential")
    return { isParallel: given, performer: named ? mode : undefined };
  const isParallel = mode === "parallel";
  if (given !== undefined && given !== isParallel)
    draft.refuse(
      [...at, "mode"],
      `${placeName([...at, "mode"])} is ${mode}, and parallel is ${given}`,
    );
  return { isParallel, performer: undefined };
}

const withSuggestion = (suggestion: string | undefined) =>
  suggestion === undefined ? {} : { suggestion };

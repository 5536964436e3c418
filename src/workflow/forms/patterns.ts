import { given, shownValue } from "../../../config/index.ts";
import type { Draft, DraftStep, Fields, Path, StepExtras } from "./draft.ts";
import type { Words } from "./words.ts";

/** The words around the steps; `steps` is what the list of the form is called. */
export const patternWords = (list: string): Words => ({
  id: "id",
  name: "name",
  description: "description",
  inputs: "inputs",
  steps: list,
  output: "output",
});

/** A step of the forms that say the order by how they nest. */
export const PATTERN_STEP: Words = {
  id: "id",
  name: "name",
  tool: "tool",
  with: "parameters",
  preconditions: "preconditions",
  postconditions: "postconditions",
  retry: "retry_count",
  timeoutMs: "timeout",
  optional: "optional",
};

const BRANCH: Words = { id: "id", name: "name", optional: "optional", steps: "steps" };

/** How a list of steps is read. */
export interface Lane {
  /** Begins the ids of steps that have none. */
  readonly prefix?: string;
  /** Steps that must have ended before the first one. */
  readonly after?: readonly DraftStep[];
  /** A failure ends the lane and counts for nothing else. */
  readonly optional?: boolean;
  /** In a phase: the tool of tasks that are only a name; they get it as `task`. */
  readonly performer?: string | undefined;
}

/** `{id, steps: [{service, tool}]}`: each step waits for the one before. */
export function readSequential(draft: Draft, data: Fields): Fields {
  draft.read(data, [], patternWords("steps"));
  readLane(draft, draft.list(data["steps"], ["steps"]) ?? [], ["steps"], {});
  return {};
}

/** `{id, branches: [{id, steps}]}`: branches run side by side, the steps of each one after another. */
export function readBranches(draft: Draft, data: Fields): Fields {
  draft.read(data, [], patternWords("branches"));
  for (const [index, one] of (draft.list(data["branches"], ["branches"]) ?? []).entries())
    readBranch(draft, one, ["branches", index], {});
  return {};
}

/** The steps of a branch, in their order. */
export function readBranch(draft: Draft, value: unknown, at: Path, lane: Lane): DraftStep[] {
  const branch = draft.read(value, at, BRANCH);
  if (branch === undefined) return [];
  const optional = branch["optional"];
  const isFlag = typeof optional === "boolean";
  draft.expect(isFlag, optional, [...at, "optional"], "true or false");
  const title = [branch["id"], branch["name"]].find((one) => one !== undefined);
  const known = typeof title === "string" && title !== "";
  draft.expect(known, title, [...at, branch["id"] === undefined ? "name" : "id"], "a name");
  const steps = draft.list(branch["steps"], [...at, "steps"]) ?? [];
  const own = known ? title : `branch ${Number(at.at(-1)) + 1}`;
  return readLane(draft, steps, [...at, "steps"], {
    ...lane,
    prefix: joined(lane.prefix, own),
    optional: optional === true,
  });
}

/** Steps one after another. */
export function readLane(
  draft: Draft,
  list: readonly unknown[],
  at: Path,
  lane: Lane,
): DraftStep[] {
  const steps: DraftStep[] = [];
  for (const [index, one] of list.entries()) {
    const before = steps.at(-1);
    const extras = {
      needs: before === undefined ? (lane.after ?? []) : [before],
      // An optional failure does not hold its dependents up, so the rest of the lane asks itself.
      ...(lane.optional === true && before !== undefined && { onlyAfter: before }),
    };
    const step = readStep(draft, one, [...at, index], lane, extras);
    if (step !== undefined) steps.push(step);
  }
  return steps;
}

/** One step: an object, or only a name where somebody performs those. */
export function readStep(
  draft: Draft,
  value: unknown,
  at: Path,
  lane: Lane,
  order: Pick<StepExtras, "needs" | "onlyAfter">,
): DraftStep | undefined {
  const { performer } = lane;
  if (typeof value === "string") {
    if (performer === undefined) {
      const orMode =
        "performer" in lane ? ", or name the tool of such tasks as the mode of the phase" : "";
      draft.refuse(
        at,
        `a task needs a tool, and ${shownValue(value)} is only a name: write { name, tool, parameters }${orMode}`,
      );
    }
    // Unnamed tools are told once, above; the step stays, so that the rest can be checked.
    const bare = { name: value, tool: performer ?? "unreadable", parameters: { task: value } };
    const fields = lane.optional === true ? { optional: true } : {};
    const label = joined(lane.prefix, value);
    return draft.add(bare, at, PATTERN_STEP, { label, fields, ...order });
  }
  const step = draft.read(value, at, PATTERN_STEP, ["service"]);
  if (step === undefined) return undefined;
  const { service, tool = performer, name } = step;
  const isService = typeof service === "string" && service !== "";
  draft.expect(isService, service, [...at, "service"], "the name of a service");
  const full = isService && typeof tool === "string" ? `${service}.${tool}` : tool;
  const label = [name, full].find((one): one is string => typeof one === "string") ?? "step";
  return draft.add(step, at, PATTERN_STEP, {
    label: joined(lane.prefix, label),
    fields: {
      ...given({ tool: full }),
      ...(lane.optional === true && { optional: true }),
    },
    ...order,
  });
}

const joined = (prefix: string | undefined, label: string): string =>
  prefix === undefined ? label : `${prefix} ${label}`;

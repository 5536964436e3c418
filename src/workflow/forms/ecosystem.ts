import { placeName, shownValue } from "../../../config/index.ts";
import { isObject, type Draft, type Fields, type Path } from "./draft.ts";
import { stepField } from "./placeholders.ts";
import type { Words } from "./words.ts";

/**
 * The snake_case workflow: steps with conditions. A step waits for those whose
 * postconditions it requires; that is the native rule too, so conditions pass as they are.
 */
export const ECOSYSTEM: Words = {
  id: "workflow_id",
  name: "name",
  description: "description",
  inputs: "inputs",
  mode: "execution_mode",
  target: "optimization_target",
  onError: "rollback_strategy",
  steps: "steps",
  output: "output",
  success: "success_criteria",
};
const MORE = ["expected_duration", "resource_requirements"];

export const ECOSYSTEM_STEP: Words = {
  id: "step_id",
  name: "name",
  tool: "tool_id",
  with: "parameters",
  preconditions: "preconditions",
  postconditions: "postconditions",
  retry: "retry_count",
  timeoutMs: "timeout",
  group: "parallel_group",
};

export function readEcosystem(draft: Draft, data: Fields): Fields {
  draft.read(data, [], ECOSYSTEM, MORE);
  const groups = new Set<string>();
  const list = draft.list(data["steps"], ["steps"]) ?? [];
  for (const [index, one] of list.entries()) {
    const at: Path = ["steps", index];
    const step = draft.read(one, at, ECOSYSTEM_STEP);
    if (step === undefined) continue;
    draft.add(step, at, ECOSYSTEM_STEP, {
      label: "step",
      needs: [],
      // A missing id must stay missing: conditions and placeholders go by it.
      fields: {
        ...group(draft, step, at, groups),
        ...(step["step_id"] === undefined && { id: null }),
      },
    });
  }
  const rollback = data["rollback_strategy"] ?? undefined;
  const named = typeof rollback === "string" && rollback !== "";
  draft.expect(named, rollback, ["rollback_strategy"], "the name of a strategy");
  return {
    ...described(draft, data),
    mode: data["execution_mode"],
    target: data["optimization_target"],
    // Undoing what was done is what recovery means; which steps undo is said by the steps.
    ...(named && { onError: "recovery" }),
    ...(groups.size > 0 && {
      groups: Object.fromEntries([...groups].map((one) => [one, {}])),
    }),
    success: criteria(draft, data["success_criteria"]),
  };
}

/**
 * `parallel_group`: a group without a policy of its own. Steps without a dependency between them run
 * together anyway, and dependencies win over groups.
 */
function group(draft: Draft, step: Fields, at: Path, groups: Set<string>): Fields {
  const given = step["parallel_group"] ?? undefined;
  const good = typeof given === "string" && given !== "";
  draft.expect(good, given, [...at, "parallel_group"], "the name of a group");
  if (!good) return {};
  groups.add(given);
  return { group: given };
}

/** What the form expects of a run has no native word: times and shares are measured. People can read it. */
function described(draft: Draft, data: Fields): Fields {
  const duration = data["expected_duration"];
  const good = typeof duration === "number" && duration > 0;
  draft.expect(good, duration, ["expected_duration"], "a number of seconds above 0");
  const resources = data["resource_requirements"];
  const shares = isObject(resources) ? Object.entries(resources) : [];
  draft.expect(isObject(resources), resources, ["resource_requirements"], "an object of amounts");
  for (const [key, amount] of shares) {
    const fair = typeof amount === "number" && amount >= 0;
    const at = ["resource_requirements", key];
    if (!fair)
      draft.refuse(at, `expected ${placeName(at)} to be 0 or more, got: ${shownValue(amount)}`);
  }
  const amounts = shares.map(([key, amount]) => `${key} ${String(amount)}`).join(", ");
  const told = [
    ...(good ? [`Expected to take ${duration} s.`] : []),
    ...(amounts === "" ? [] : [`Expected to need: ${amounts}.`]),
  ];
  const given = data["description"];
  if (told.length === 0 || (given !== undefined && typeof given !== "string")) return {};
  return { description: [...(given ? [given] : []), ...told].join("\n") };
}

/** A criterion is an expression, or a postcondition by name: then a step that establishes it has completed. */
function criteria(draft: Draft, given: unknown): unknown {
  if (!Array.isArray(given)) return given;
  const known = draft.stepIds();
  return given.map((one: unknown, index) => {
    const by = draft.steps.flatMap(({ fields: { id, postconditions } }) =>
      typeof id === "string" && Array.isArray(postconditions) && postconditions.includes(one)
        ? [`${stepField(id, "state")} == "completed"`]
        : [],
    );
    if (by.length > 0) return by.join(" || ");
    return draft.rewrite(one, ["success_criteria", index], known, true);
  });
}

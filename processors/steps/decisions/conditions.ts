import { quoted, Budget, messageOf, type Json } from "../../../config/index.ts";
import type { StepError } from "../../../queues/index.ts";
import type { CompiledCondition, CompiledStep } from "../definitions.ts";
import type { Found } from "../inputs.ts";

/** The precondition that does not hold, as the error of its step; null when all hold. */
export function preconditionError(step: CompiledStep, found: Found): StepError | null {
  const budget = new Budget();
  for (const condition of step.preconditions) {
    const reason = established(condition, found) ?? checked(condition, found.variables, budget);
    if (reason !== null) return errorOf("precondition_failed", condition, reason);
  }
  return null;
}

/** The postcondition that does not hold of what a call returned; null when all hold. */
export function postconditionError(
  step: CompiledStep,
  found: Found,
  output: Json,
): StepError | null {
  const budget = new Budget();
  const variables = { ...found.variables, output };
  for (const condition of step.postconditions) {
    const reason = checked(condition, variables, budget);
    if (reason !== null) return errorOf("postcondition_failed", condition, reason);
  }
  return null;
}

/** Why a precondition that has a name is not established; null when it is, or when it has none. */
function established({ definition }: CompiledCondition, found: Found): string | null {
  const { name, by = [], input } = definition;
  if (name === undefined || (by.length === 0 && input !== true)) return null;
  if (by.some((stepId) => found.dependencies.get(stepId)?.state === "completed")) return null;
  const given = found.variables["input"];
  if (
    input === true &&
    typeof given === "object" &&
    given !== null &&
    Boolean(Object.getOwnPropertyDescriptor(given, name)?.value)
  )
    return null;
  const who = [
    ...by.map((stepId) => `${stepId} is ${found.dependencies.get(stepId)?.state ?? "pending"}`),
    ...(input === true ? ["the input does not give it"] : []),
  ];
  return who.join(", ");
}

function checked(
  { check }: CompiledCondition,
  variables: Readonly<Record<string, unknown>>,
  budget: Budget,
): string | null {
  if (check === undefined) return null;
  try {
    const holds = check.render(variables, budget);
    return holds === true ? null : `its check yields ${quoted(holds)}`;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

function errorOf(
  code: "precondition_failed" | "postcondition_failed",
  { definition }: CompiledCondition,
  reason: string,
): StepError {
  const what = definition.name ?? definition.check ?? "";
  return { code, message: `${what.slice(0, 200)}: ${reason}`.slice(0, 2_000) };
}

import type { Step } from "./schema.ts";

/** What a step is: exactly one of these fields is given. */
export const KINDS = ["tool", "workflow", "approval", "waitMs", "event"] as const;
export type Kind = (typeof KINDS)[number];

/** The kinds a step claims to be. */
export function kindsOf(step: Step): Kind[] {
  return KINDS.filter((kind) => step[kind] !== undefined);
}

/** Fields that mean something for calls of tools only, or for steps with an input. */
const ONLY_TOOL = [
  "forEach",
  "as",
  "maxParallel",
  "retry",
  "key",
  "resources",
  "budgets",
  "cache",
  "fallback",
  "compensate",
] as const;

/** Fields that a step of this kind cannot have. */
export function strangeFields(kind: Kind): readonly (keyof Step)[] {
  switch (kind) {
    case "tool":
      return [];
    case "workflow":
      return ONLY_TOOL;
    case "approval":
    case "event":
      return [...ONLY_TOOL, "with"];
    case "waitMs":
      return [...ONLY_TOOL, "with", "timeoutMs"];
  }
}

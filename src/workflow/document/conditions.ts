import type { Step } from "./schema.ts";

/** Conditions in their long form, with their positions. Text with an expression in it is a check. */
export function conditionsOf(
  conditions: Step["preconditions"],
): (readonly [number, { readonly name?: string | undefined; readonly check?: string }])[] {
  return (conditions ?? []).map((one, index) => {
    if (typeof one !== "string") return [index, one] as const;
    return [index, one.includes("${{") ? { check: one } : { name: one }] as const;
  });
}

/** Who establishes each condition, by name. */
export function providersOf(steps: readonly Step[]): ReadonlyMap<string, readonly number[]> {
  const providers = new Map<string, number[]>();
  for (const [index, step] of steps.entries()) {
    for (const [, { name: condition }] of conditionsOf(step.postconditions)) {
      if (condition === undefined) continue;
      const by = providers.get(condition);
      if (by === undefined) providers.set(condition, [index]);
      else by.push(index);
    }
  }
  return providers;
}

type GateTable =
  | "processes"
  | "leases"
  | "permits"
  | "tools"
  | "budgets"
  | "used"
  | "troubles"
  | "drains"
  | "service"
  | "running"
  | "blocked"
  | "outcomes"
  | "toolLayers"
  | "budgetLayers";

/** Everything the gate knows, as it stands in Redis: texts by name. */
export type Shown = Readonly<Record<GateTable, Readonly<Record<string, string>>>> & {
  readonly now: number;
  readonly level: number;
  readonly machines: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly claims: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Jobs that run, by tool with a permit. */
  readonly active: Readonly<Record<string, readonly string[]>>;
};

/** Lua cannot tell an empty list from an empty object. */
export function listed<T>(
  value: readonly T[] | Readonly<Record<string, T>> | undefined,
): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [];
}

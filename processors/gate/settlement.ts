import {
  compileActual,
  type Expression,
  type Json,
  type ToolRegistry,
} from "../../config/index.ts";

/** What calls really used of budgets that count units: known when the call has returned. */
export class Settlement {
  readonly #byTool = new Map<string, readonly (readonly [budget: string, actual: Expression])[]>();

  constructor(registry: ToolRegistry) {
    for (const { spec } of registry.list()) {
      const settled = Object.entries(spec.budgets).flatMap(([budget, use]) =>
        typeof use === "number" || use.actual === undefined
          ? []
          : [[budget, compileActual(use.actual)] as const],
      );
      if (settled.length > 0) this.#byTool.set(spec.id, settled);
    }
  }

  /** Units by budget; a budget of which the output does not say it keeps the estimate. */
  actual(tool: string, args: Json, result: Json): Readonly<Record<string, number>> | undefined {
    const settled = this.#byTool.get(tool);
    if (settled === undefined) return undefined;
    const actual: Record<string, number> = {};
    for (const [budget, expression] of settled) {
      const units = evaluate(expression, args, result);
      if (units !== null) actual[budget] = units;
    }
    return actual;
  }
}

function evaluate(expression: Expression, args: Json, result: Json): number | null {
  try {
    const units = Number(expression.evaluate({ result, args }));
    return Number.isFinite(units) && units >= 0 ? Math.ceil(units) : null;
  } catch {
    return null;
  }
}

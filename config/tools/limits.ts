import * as z from "zod";

import { messageOf, TuttiError } from "../errors.ts";
import { parseExpression, type Expression } from "../expressions/expression.ts";

/** Names of budgets. They have no colon, so none equals the private budget of a tool. */
const BUDGET_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,99}$/;

export const budgetName = z
  .string()
  .regex(BUDGET_NAME, "1 to 100 characters of A-Z a-z 0-9 . _ -, a letter first");

/** How important a call is, most important first. */
export const IMPORTANCES = ["critical", "essential", "optional"] as const;

const rateWindow = z.strictObject({
  max: z.int().positive().describe("Units in any window of `durationMs`."),
  durationMs: z.int().positive().describe("Length of the window. Milliseconds."),
});

/** Windows that all apply at once. */
const rates = z.array(rateWindow).min(1).max(10);

const rateOrRates = z.union([rateWindow, rates], {
  error: "expected a window {max, durationMs}, or a list of them",
});

/** The limits of each key of a tool: of its tenants, or of a step's `key`. */
const perKey = z
  .strictObject({
    by: z
      .enum(["tenant", "step"])
      .describe(
        "`tenant`: each tenant has these limits. `step`: each value of a step's `key` has them.",
      ),
    concurrency: z
      .int()
      .positive()
      .max(100_000)
      .optional()
      .describe("Calls with the same key at the same time, over all workers. Default: unlimited."),
    rate: rateOrRates
      .optional()
      .describe(
        "At most `max` units of calls with the same key in any window; or a list of windows that all apply.",
      ),
  })
  .refine(({ concurrency, rate }) => concurrency !== undefined || rate !== undefined, {
    error: "expected concurrency, rate or both, got: neither",
  });

/** Limits of one tool. */
export const toolLimits = z.strictObject({
  concurrency: z
    .int()
    .positive()
    .max(100_000)
    .optional()
    .describe("Calls at the same time, over all workers. Default: unlimited."),
  maxConcurrency: z
    .int()
    .positive()
    .max(100_000)
    .optional()
    .describe(
      "How far the optimizer may raise `concurrency` if that proves a gain. Default: not at all; `concurrency` is a limit.",
    ),
  rate: rateOrRates
    .optional()
    .describe(
      "At most `max` units in any window of `durationMs`, over all workers; or a list of windows that all apply.",
    ),
  cost: z
    .int()
    .positive()
    .optional()
    .describe("Units of `rate`, and of the rate of `perKey`, that a call costs. Default: 1."),
  queueLength: z
    .int()
    .positive()
    .optional()
    .describe(
      "If this many jobs wait, a new run that calls the tool is refused as `queue_full`. With `perKey`, the lane of its key counts. Default: unlimited.",
    ),
  perKey: perKey
    .optional()
    .describe("Limits for each tenant, or for each account that steps name."),
});

/** When a tool that does not answer is left alone. Missing fields have the default. */
export const breakerSpec = z.strictObject({
  failures: z
    .int()
    .positive()
    .max(1_000)
    .optional()
    .describe("Failures in a row after which a machine reports the tool as down. Default: 5."),
  openMs: z
    .int()
    .positive()
    .max(86_400_000)
    .optional()
    .describe("How long nothing calls it then. Milliseconds. Default: 60,000."),
  probes: z
    .int()
    .positive()
    .max(1_000)
    .optional()
    .describe(
      "Calls that test it after that. They must succeed before everybody may call again. Default: 3.",
    ),
});

/** An amount that several tools share. */
export const budgetSpec = z
  .strictObject({
    slots: z
      .int()
      .positive()
      .max(100_000)
      .optional()
      .describe("Calls that hold a part of it at the same time, over all tools and workers."),
    rates: rates
      .optional()
      .describe("Units in any window, over all tools and workers. All windows apply."),
  })
  .refine(({ slots, rates: windows }) => slots !== undefined || windows !== undefined, {
    error: "expected slots, rates or both, got: neither",
  });

/** What a call of a tool takes of a budget. A number means that many slots and that many units. */
export const budgetUse = z.union(
  [
    z.int().positive(),
    z.strictObject({
      slots: z.int().min(0).optional().describe("Default: 1."),
      cost: z.int().min(0).optional().describe("Units of the rates. Default: 1."),
      actual: z
        .string()
        .min(1)
        .optional()
        .describe(
          "Units actually used: an expression over `result` and `args`, evaluated when the call has returned.",
        ),
    }),
  ],
  { error: "expected a number, or an object with slots, cost or actual" },
);

export type RateWindow = z.output<typeof rateWindow>;
export type BudgetSpec = z.output<typeof budgetSpec>;
export type BudgetUse = z.output<typeof budgetUse>;
type ToolLimitsSpec = z.output<typeof toolLimits>;

/** What a call takes of a budget, for those parts that the budget limits. */
export interface Amounts {
  readonly slots: number;
  readonly cost: number;
}

/** An amount that exceeds the whole budget. */
export interface Excess {
  readonly field: keyof Amounts;
  readonly max: number;
  readonly got: number;
  /** The window of a rate. Milliseconds. */
  readonly durationMs?: number;
}

/** A problem of a declaration; its path is relative to the declaration. */
interface LimitProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The windows of a rate; none if it is not limited. */
export function windowsOf(rate: ToolLimitsSpec["rate"]): readonly RateWindow[] {
  if (rate === undefined) return [];
  return "max" in rate ? [rate] : rate;
}

/** The windows of all rates of a tool, by where they are declared. */
export function ratesOf({
  rate,
  perKey: each,
}: ToolLimitsSpec): Readonly<Record<string, readonly RateWindow[]>> {
  return { "limits.rate": windowsOf(rate), "limits.perKey.rate": windowsOf(each?.rate) };
}

/** The amounts of a declaration. Missing ones come from `base`. */
export function amountsOf(
  use: number | { readonly slots?: number | undefined; readonly cost?: number | undefined },
  base: Amounts = { slots: 1, cost: 1 },
): Amounts {
  if (typeof use === "number") return { slots: use, cost: use };
  return { slots: use.slots ?? base.slots, cost: use.cost ?? base.cost };
}

/** Amounts that exceed the whole budget: such a call would wait forever. */
export function excessesOf({ slots, cost }: Amounts, budget: BudgetSpec): Excess[] {
  const found: Excess[] = [];
  if (budget.slots !== undefined && slots > budget.slots)
    found.push({ field: "slots", max: budget.slots, got: slots });
  for (const { max, durationMs } of budget.rates ?? [])
    if (cost > max) found.push({ field: "cost", max, got: cost, durationMs });
  return found;
}

/** An excess in words: `expected ${what} to be ...`. */
export function excessText(what: string, owner: string, excess: Excess): string {
  const { field, max, got, durationMs } = excess;
  const has = field === "slots" ? "slots" : `units in ${durationMs} ms`;
  return `expected ${what} to be at most ${max}, as ${owner} has ${max} ${has}, got: ${got}`;
}

/**
 * Compiles the `actual` of a budget: one whole expression. Its variables are `result`, the call's return value, and
 * `args`, its input.
 *
 * @throws TuttiError `expression_invalid`.
 */
export function compileActual(text: string): Expression {
  const [, source] = /^\s*\$\{\{([^]*)\}\}\s*$/.exec(text) ?? [];
  if (source === undefined)
    throw new TuttiError("expression_invalid", `expected one expression \${{ ... }}, got: ${text}`);
  return parseExpression(source, "usage");
}

/** Checks the limits of a tool by themselves. Budgets may be in other files. */
export function* checkToolLimits(tool: {
  readonly limits: ToolLimitsSpec;
  readonly budgets: Readonly<Record<string, BudgetUse>>;
}): Generator<LimitProblem> {
  const { concurrency, maxConcurrency, rate, cost, perKey: each } = tool.limits;
  if (maxConcurrency !== undefined && concurrency === undefined)
    yield {
      path: ["limits", "maxConcurrency"],
      message: "limits.maxConcurrency means nothing without limits.concurrency",
    };
  else if (maxConcurrency !== undefined && maxConcurrency < (concurrency ?? 0))
    yield {
      path: ["limits", "maxConcurrency"],
      message: `expected limits.maxConcurrency to be at least ${concurrency}, as limits.concurrency is, got: ${maxConcurrency}`,
    };
  const path = ["limits", "cost"];
  if (cost !== undefined && rate === undefined && each?.rate === undefined)
    yield { path, message: "limits.cost means nothing without limits.rate" };
  else if (cost !== undefined)
    for (const [owner, windows] of Object.entries(ratesOf(tool.limits)))
      for (const excess of excessesOf({ slots: 0, cost }, { rates: [...windows] }))
        yield { path, message: excessText("limits.cost", owner, excess) };
  for (const [name, use] of Object.entries(tool.budgets)) {
    if (typeof use === "number" || use.actual === undefined) continue;
    try {
      compileActual(use.actual);
    } catch (thrown) {
      yield { path: ["budgets", name, "actual"], message: messageOf(thrown) };
    }
  }
}

import {
  amountsOf,
  IMPORTANCES,
  readJson,
  windowsOf,
  type Amounts,
  type BudgetSpec,
  type ToolSpec,
  given,
} from "../../../config/index.ts";
import type { BudgetTake, StepLimits } from "../../definition.ts";
import { GUARD_MAX_MS, GUARD_MIN_MS, GUARD_SHARE } from "../scripts/constants.ts";
import { ownBudget } from "./budget-names.ts";

/** A whole machine, in the unit of {@link ToolLimits.needs}. */
export const MACHINE_UNITS = 1_000_000;

/** What a call of a tool takes, as the gate reads it. */
export interface ToolLimits {
  /** Millionths of one machine, by resource. */
  readonly needs: Readonly<Record<string, number>>;
  /** The tool's private budget first, if it has one. */
  readonly budgets: readonly BudgetTake[];
  readonly upstream: string;
  /** 0 critical, 1 essential, 2 optional. */
  readonly importance: 0 | 1 | 2;
  /** The private budget of each lane, in addition to what lanes share, and the units of its rates that a call costs. */
  readonly perKey?: BudgetLimits & { readonly cost: number };
  /** When the tool's breaker opens. Absent fields have the default. */
  readonly breaker?: ToolSpec["breaker"];
}

/** The limits of a tool, and what was learned about it. */
export interface GatedLimits extends ToolLimits {
  /** How many calls at once the service behind it was seen to carry; false: no bound was seen. */
  readonly cap?: number | false;
  /** How long a call takes. Milliseconds. */
  readonly serviceMs?: number;
  /** It calls an external service, so its cap is worth learning. */
  readonly external?: boolean;
}

/** What a budget has, as the gate reads it. */
export interface BudgetLimits {
  readonly slots?: number;
  /**
   * How far the optimizer may raise the slots; `fit`: as far as machines carry what a call needs. Default: not at all.
   */
  readonly maxSlots?: number | "fit";
  readonly rates?: readonly (readonly [max: number, durationMs: number])[];
}

/** How long after its grant a call may reach its service, in windows of this length. Milliseconds. */
export const guardMsOf = (durationMs: number): number =>
  Math.max(GUARD_MIN_MS, Math.min(GUARD_MAX_MS, Math.ceil(durationMs * GUARD_SHARE)));

/** Lua cannot tell an empty list from an empty object. */
export function listed<T>(
  value: readonly T[] | Readonly<Record<string, T>> | undefined,
): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [];
}

const withLists = <T extends BudgetLimits>(limits: T): T =>
  limits.rates === undefined ? limits : { ...limits, rates: listed(limits.rates) };

/** Decodes the limits of a budget as Redis stores them. */
export const decodeBudget = (text: string): BudgetLimits => withLists(readJson<BudgetLimits>(text));

/** Decodes the limits of a tool as Redis stores them, or one layer of them. */
export function decodeTool(text: string): Partial<GatedLimits> {
  const { budgets, perKey, ...limits } = readJson<Partial<GatedLimits>>(text);
  return {
    ...limits,
    ...(budgets === undefined ? {} : { budgets: listed(budgets) }),
    ...(perKey === undefined ? {} : { perKey: withLists(perKey) }),
  };
}

/**
 * Converts a share of one machine to millionths, rounded up, so that the gate never counts less than what was declared.
 * But floor(1 / share) calls must fit: three of a third, although a third rounded up is too much for three. Such a
 * share is rounded down, by less than a millionth. A share below a millionth counts as one.
 */
export function shareUnits(share: number): number {
  if (share <= 0) return 0;
  // The epsilon corrects binary fractions: 0.1 must count as exactly a tenth.
  const fit = Math.floor(1 / share + 1e-9);
  const up = Math.ceil(share * MACHINE_UNITS - 1e-6);
  return Math.max(1, Math.min(up, Math.floor(MACHINE_UNITS / Math.max(1, fit))));
}

/** Converts millionths of a machine to shares of it, by resource. */
export function sharesOf(units: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(units).map(([resource, amount]) => [resource, amount / MACHINE_UNITS]),
  );
}

/** Compiles a budget of a catalogue. */
export function compileBudget({ slots, rates }: BudgetSpec): BudgetLimits {
  return {
    ...given({ slots }),
    ...(rates === undefined
      ? {}
      : { rates: rates.map(({ max, durationMs }) => [max, durationMs] as const) }),
  };
}

/** Compiles a tool of a catalogue. `own` is the tool's private budget, if it has a concurrency or a rate. */
export function compileLimits(spec: ToolSpec): {
  readonly limits: ToolLimits;
  readonly own?: BudgetLimits;
} {
  const { concurrency, rate, cost = 1, perKey } = spec.limits;
  const windows = windowsOf(rate);
  const budgets: BudgetTake[] = Object.entries(spec.budgets).map(([name, use]) =>
    take(name, amountsOf(use)),
  );
  const limits = {
    needs: unitsOf(spec.resources),
    upstream: spec.upstream ?? spec.id,
    importance: importanceUnits(spec.importance),
    ...(perKey === undefined ? {} : { perKey: { ...privateBudget(perKey), cost } }),
    ...given({ breaker: spec.breaker }),
  };
  if (concurrency === undefined && windows.length === 0) return { limits: { ...limits, budgets } };
  const maxSlots = spec.limits.maxConcurrency ?? boundOf(spec, limits.needs);
  const own = {
    ...privateBudget(spec.limits),
    ...(concurrency === undefined || maxSlots === undefined ? {} : { maxSlots }),
  };
  const first = take(ownBudget(spec.id), { slots: 1, cost });
  return { limits: { ...limits, budgets: [first, ...budgets] }, own };
}

/**
 * The optimizer may raise a tool that declares its needs as far as they fit. A concurrency of 1 may exist to keep calls
 * apart, so it is raised only for idempotent tools.
 */
function boundOf(spec: ToolSpec, needs: ToolLimits["needs"]): "fit" | undefined {
  const isAlone = spec.limits.concurrency === 1 && !spec.idempotent;
  return isAlone || Object.keys(needs).length === 0 ? undefined : "fit";
}

/** The private budget for a concurrency, a rate or both. */
function privateBudget({
  concurrency,
  rate,
}: Pick<ToolSpec["limits"], "concurrency" | "rate">): BudgetLimits {
  const windows = windowsOf(rate);
  return compileBudget({
    ...given({ slots: concurrency }),
    ...(windows.length === 0 ? {} : { rates: [...windows] }),
  });
}

/** What a step says of resources and budgets. */
interface StepWords {
  readonly resources?: Readonly<Record<string, number>> | undefined;
  readonly budgets?:
    | Readonly<Record<string, number | Partial<Record<keyof Amounts, number | undefined>>>>
    | undefined;
}

/**
 * Compiles the resources and budgets of a step; undefined if it says nothing. Fields that it leaves out of a budget
 * come from the tool. A resource with share 0 stays: it removes the tool's need.
 */
export function compileStepLimits(spec: ToolSpec, step: StepWords): StepLimits | undefined {
  const { resources = {}, budgets = {} } = step;
  const needs = Object.fromEntries(
    Object.entries(resources).map(([name, share]) => [name, shareUnits(share)]),
  );
  const takes = Object.entries(budgets).map(([name, use]) => {
    const ofTool = spec.budgets[name];
    return take(name, amountsOf(use, ofTool === undefined ? undefined : amountsOf(ofTool)));
  });
  if (Object.keys(needs).length === 0 && takes.length === 0) return undefined;
  return {
    ...(Object.keys(needs).length === 0 ? {} : { needs }),
    ...(takes.length === 0 ? {} : { budgets: takes }),
  };
}

/** What the call of a step takes. The step overrides its tool, name by name. */
export function limitsOfStep(tool: ToolLimits, step: StepLimits | undefined): ToolLimits {
  if (step === undefined) return tool;
  const needs = Object.entries({ ...tool.needs, ...step.needs }).filter(([, units]) => units > 0);
  const said = new Map(step.budgets?.map((one) => [one[0], one]));
  return {
    ...tool,
    needs: Object.fromEntries(needs),
    budgets: tool.budgets.map((one) => said.get(one[0]) ?? one),
  };
}

/** Converts shares of a machine to millionths, by resource. Leaves out resources with no need. */
export function unitsOf(resources: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(resources)
      .map(([name, share]) => [name, shareUnits(share)] as const)
      .filter(([, units]) => units > 0),
  );
}

const take = (name: string, { slots, cost }: Amounts): BudgetTake => [name, slots, cost];

/** The importance of a tool as a number. */
export function importanceUnits(importance: ToolSpec["importance"]): ToolLimits["importance"] {
  const [critical, essential] = IMPORTANCES;
  if (importance === critical) return 0;
  return importance === essential ? 1 : 2;
}

/** Layers of limits of a tool or a budget. Later ones win. */
export type Layer = "declared" | "learned" | "tuned" | "set";

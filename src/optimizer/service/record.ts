import { IMPORTANCES, readJson } from "../../../config/index.ts";
import { listed, type Sample, type Shown } from "../../../queues/client.ts";
import {
  Durations,
  MACHINE_UNITS,
  type BudgetLimits,
  type GatedLimits,
} from "../../../queues/index.ts";
import { serviceOf } from "../../gate/limits/permits.ts";
import type { ModelBudget, ModelMachine, ModelTool, Recording } from "../simulation/recording.ts";

/** Times that a tool's calls are drawn from. */
const TIMES = 200;

/** What was recorded, and the tools that nobody knows the times of: they are not in it. */
export interface Recorded {
  readonly recording: Recording;
  readonly unknown: readonly string[];
  readonly ms: number;
  /** Share of the calls of each tool that failed; tools of which none ended are left out. */
  readonly failed: Readonly<Record<string, number>>;
  /** What each tool is worth, as the gate has it now. */
  readonly importance: Readonly<Record<string, (typeof IMPORTANCES)[number]>>;
}

/** Makes a recording of samples, the oldest first, and of the limits as they are now. Null without samples. */
export function record(samples: readonly Sample[], shown: Shown): Recorded | null {
  const [first, ...steps] = samples;
  if (first === undefined || steps.length === 0) return null;
  const ms = steps.reduce((sum, sample) => sum + sample.ms, 0);
  const names = new Set(samples.flatMap(({ tools }) => Object.keys(tools)));
  const tools: Record<string, ModelTool> = {};
  const unknown: string[] = [];
  for (const name of [...names].toSorted()) {
    const serviceMs = timesOf(name, samples, shown);
    if (serviceMs === null) unknown.push(name);
    else
      tools[name] = {
        ...limitsOf(shown.tools[name]),
        arrivals: callsOf(steps.map((sample) => sample.tools[name])),
        waiting: first.tools[name]?.waiting ?? 0,
        serviceMs,
      };
  }
  return {
    unknown,
    ms,
    failed: failuresOf(steps),
    importance: Object.fromEntries(
      Object.entries(shown.tools).map(([tool, text]) => [
        tool,
        IMPORTANCES[readJson<Partial<GatedLimits>>(text).importance ?? 1],
      ]),
    ),
    recording: {
      stepMs: ms / steps.length,
      steps: steps.length,
      tools,
      budgets: Object.fromEntries(
        Object.entries(shown.budgets).map(([name, text]) => [name, budgetOf(text)]),
      ),
      machines: Object.values(shown.machines).map(machineOf),
    },
  };
}

function failuresOf(steps: readonly Sample[]): Record<string, number> {
  const sums = new Map<string, { ended: number; failed: number }>();
  for (const { tools } of steps)
    for (const [tool, { ok, failed }] of Object.entries(tools)) {
      const sum = sums.get(tool) ?? { ended: 0, failed: 0 };
      sums.set(tool, { ended: sum.ended + ok + failed, failed: sum.failed + failed });
    }
  return Object.fromEntries(
    [...sums].flatMap(([tool, { ended, failed }]) => (ended === 0 ? [] : [[tool, failed / ended]])),
  );
}

/** Jobs that came and were called for, step by step; what a step has too many the next ones have too few. */
function callsOf(steps: readonly (Sample["tools"][string] | undefined)[]): number[] {
  let short = 0;
  return steps.map((tool) => {
    const count = (tool?.arrivals ?? 0) - (tool?.uncalled ?? 0) + short;
    short = Math.min(0, count);
    return Math.max(0, count);
  });
}

/** As they were measured; where none was, the mean that the gate goes by. Null: nobody knows. */
function timesOf(tool: string, samples: readonly Sample[], shown: Shown): number[] | null {
  const measured = Durations.sum(samples.map(({ tools }) => tools[tool]?.service));
  if (measured.count > 0)
    return Array.from(
      { length: TIMES },
      (_, n) => measured.percentileMs((100 * (n + 0.5)) / TIMES) ?? 0,
    );
  const known =
    serviceOf(shown.service[tool])?.meanMs ??
    readJson<Partial<GatedLimits>>(shown.tools[tool] ?? "{}").serviceMs;
  return known === undefined ? null : [known];
}

function limitsOf(text = "{}"): Pick<ModelTool, "needs" | "budgets" | "cap"> {
  const { needs = {}, budgets, cap } = readJson<Partial<GatedLimits>>(text);
  return {
    needs: Object.fromEntries(
      Object.entries(needs).map(([name, units]) => [name, units / MACHINE_UNITS]),
    ),
    budgets: listed(budgets).map(([budget, slots, units]) => ({ budget, slots, units })),
    ...(cap === undefined || cap === false ? {} : { cap }),
  };
}

function budgetOf(text: string): ModelBudget {
  const { slots, rates } = readJson<BudgetLimits>(text);
  return {
    ...(slots === undefined ? {} : { slots }),
    rates: listed(rates).map(([max, durationMs]) => ({ max, durationMs })),
  };
}

function machineOf(fields: Readonly<Record<string, string>>): ModelMachine {
  const shares = (mark: string): Record<string, number> =>
    Object.fromEntries(
      Object.entries(fields)
        .filter(([field]) => field.startsWith(mark) && !field.endsWith(":*"))
        .map(([field, units]) => [field.slice(mark.length), Number(units) / MACHINE_UNITS]),
    );
  const others = Number(fields["c:*"] ?? MACHINE_UNITS);
  return {
    capacity: shares("c:"),
    others: others < 0 ? null : others / MACHINE_UNITS,
    background: shares("b:"),
  };
}

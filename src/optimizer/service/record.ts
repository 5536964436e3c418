import { IMPORTANCES, given } from "../../../config/index.ts";
import type { GateSnapshot, MachineState, Sample } from "../../../queues/client.ts";
import {
  Durations,
  MACHINE_UNITS,
  sharesOf,
  type BudgetLimits,
  type GatedLimits,
} from "../../../queues/index.ts";
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
export function record(samples: readonly Sample[], gate: GateSnapshot): Recorded | null {
  const [first, ...steps] = samples;
  if (first === undefined || steps.length === 0) return null;
  const ms = steps.reduce((sum, sample) => sum + sample.ms, 0);
  const names = new Set(samples.flatMap(({ tools }) => Object.keys(tools)));
  const tools: Record<string, ModelTool> = {};
  const unknown: string[] = [];
  for (const name of [...names].toSorted()) {
    const serviceMs = timesOf(name, samples, gate);
    if (serviceMs === null) unknown.push(name);
    else
      tools[name] = {
        ...limitsOf(gate.tools.get(name)?.limits),
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
      [...gate.tools].map(([tool, { limits }]) => [tool, IMPORTANCES[limits.importance]]),
    ),
    recording: {
      stepMs: ms / steps.length,
      steps: steps.length,
      tools,
      budgets: Object.fromEntries(
        [...gate.budgets].map(([name, limits]) => [name, budgetOf(limits)]),
      ),
      machines: [...gate.machines.values()].map(machineOf),
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
function timesOf(tool: string, samples: readonly Sample[], gate: GateSnapshot): number[] | null {
  const measured = Durations.sum(samples.map(({ tools }) => tools[tool]?.service));
  if (measured.count > 0)
    return Array.from(
      { length: TIMES },
      (_, n) => measured.percentileMs((100 * (n + 0.5)) / TIMES) ?? 0,
    );
  const known = gate.services.get(tool)?.meanMs ?? gate.tools.get(tool)?.limits.serviceMs;
  return known === undefined ? null : [known];
}

function limitsOf(
  limits: GatedLimits | undefined,
): Pick<ModelTool, "resources" | "budgets" | "cap"> {
  const { needs = {}, budgets = [], cap } = limits ?? {};
  return {
    resources: sharesOf(needs),
    budgets: budgets.map(([budget, slots, units]) => ({ budget, slots, units })),
    ...(cap === undefined || cap === false ? {} : { cap }),
  };
}

function budgetOf({ slots, rates = [] }: BudgetLimits): ModelBudget {
  return {
    ...given({ slots }),
    rates: rates.map(([max, durationMs]) => ({ max, durationMs })),
  };
}

function machineOf({ capacity, others, background }: MachineState): ModelMachine {
  return {
    capacity: sharesOf(capacity),
    others: others === null ? null : others / MACHINE_UNITS,
    background: sharesOf(background),
  };
}

import type { Target } from "../../../config/index.ts";
import { MACHINE_UNITS, ownBudget } from "../../../queues/index.ts";
import { capacityIn, type Recording } from "../simulation/recording.ts";
import { fill } from "./fill.ts";
import { GOALS, type Goal } from "./goals.ts";

/** What a plan has to know of a tool beside what was recorded. */
export interface ToolStanding {
  readonly importance: "critical" | "essential" | "optional";
  /** Calls at once that its catalogue allows at most; null: as many as there is room for. */
  readonly max: number | null;
  /** Share of its calls that failed; null: none ended. */
  readonly failed: number | null;
  /** More calls at once would not help: something else than its own concurrency keeps it. */
  readonly isKept: boolean;
}

/** A change that a plan proposes. */
export type Action =
  | {
      readonly what: "concurrency";
      readonly tool: string;
      /** Null: it had no limit of its own. */
      readonly from: number | null;
      readonly to: number;
      readonly why: string;
    }
  | {
      readonly what: "machines";
      readonly from: number;
      readonly to: number;
      readonly why: string;
    };

/** A plan changes what a tool may run at once by this factor at most. */
const MAX_STEP = 2;
/** A tool that uses less than this of what it has, and waits for nothing, gets no more, and may lose some. */
const USED = 0.7;

/** What is to be changed for a target, by the load that was recorded. Nothing is changed by it. */
export function planFor(
  target: Target,
  recording: Recording,
  standings: Readonly<Record<string, ToolStanding>>,
): Action[] {
  const goal = GOALS[target];
  const tools = Object.entries(recording.tools).flatMap(([tool, model]) => {
    const standing = standings[tool];
    return standing === undefined ? [] : [needOf(tool, model, standing, recording, goal)];
  });
  const machines = machinesFor(tools, recording, goal);
  const counts = fill(
    tools.map(({ want, resources }) => ({ want, least: Math.min(1, want), resources })),
    capacityOf(
      recording,
      Math.max(1, (machines?.to ?? recording.machines.length) - goal.spareMachines),
    ),
  );
  const actions = tools.flatMap((tool, index) => actionOf(tool, counts[index]!, goal) ?? []);
  return machines === null ? actions : [...actions, machines];
}

interface Need {
  readonly tool: string;
  readonly standing: ToolStanding;
  readonly resources: Readonly<Record<string, number>>;
  /** Its own slots now; null: none. */
  readonly has: number | null;
  /** Calls at once of what came, on average. */
  readonly mean: number;
  /** Calls at once that are wanted. */
  readonly want: number;
  readonly isWaiting: boolean;
}

function needOf(
  tool: string,
  { arrivals, waiting, serviceMs, resources }: Recording["tools"][string],
  standing: ToolStanding,
  { stepMs, steps, budgets }: Recording,
  { reserve, drainMs, easesAbove }: Goal,
): Need {
  const ms = stepMs * steps;
  const meanMs = serviceMs.reduce((sum, one) => sum + one, 0) / Math.max(1, serviceMs.length);
  const came = arrivals.reduce((sum, count) => sum + count, 0);
  const has = budgets[ownBudget(tool)]?.slots ?? null;
  const mean = (came / ms) * meanMs;
  // What its slots could not take on is there still.
  const ended = has === null ? came : Math.min(came + waiting, (has * ms) / Math.max(1, meanMs));
  const backlog = Math.max(0, waiting + came - ended);
  const rate = came / ms + backlog / drainMs;
  const load = rate * meanMs;
  const spared = load + reserve[standing.importance] * Math.sqrt(load);
  const eased = easesAbove !== null && (standing.failed ?? 0) > easesAbove ? spared / 2 : spared;
  return { tool, standing, resources, has, mean, want: Math.max(0, eased), isWaiting: backlog > 0 };
}

/** Whole machines that carry what is wanted, where the target moves them. */
function machinesFor(
  tools: readonly Need[],
  recording: Recording,
  { machines, spareMachines }: Goal,
): Extract<Action, { what: "machines" }> | null {
  const from = recording.machines.length;
  if (machines === "as they are" || from === 0) return null;
  const one = capacityOf({ ...recording, machines: recording.machines.slice(-1) }, 1);
  const asked = Object.entries(one).map(([resource, capacity]) => {
    const want = tools.reduce((sum, tool) => sum + tool.want * (tool.resources[resource] ?? 0), 0);
    return [resource, capacity <= 0 ? Infinity : want / capacity] as const;
  });
  const [scarcest, load] = asked.toSorted(([, a], [, b]) => b - a)[0] ?? ["", 0];
  if (!Number.isFinite(load)) return null;
  const enough = Math.max(1, Math.ceil(load - 1e-9)) + spareMachines;
  const to = machines === "fewest" ? Math.min(from, enough) : Math.max(from, enough);
  if (to === from) return null;
  const why = `what is wanted takes ${load.toFixed(1)} machines of ${scarcest}`;
  return { what: "machines", from, to: Math.min(to, from * MAX_STEP), why };
}

function actionOf(
  { tool, standing, has, mean, want, isWaiting }: Need,
  count: number,
  { takesBack, easesAbove }: Goal,
): Action | null {
  const { max, isKept, failed } = standing;
  const isEased = easesAbove !== null && (failed ?? 0) > easesAbove;
  const to = Math.max(1, Math.min(count, max ?? Infinity));
  const action = (value: number, why: string): Action | null =>
    value === has ? null : { what: "concurrency", tool, from: has, to: value, why };
  if (isEased) {
    const eased = has === null ? to : Math.max(Math.min(to, has), Math.ceil(has / MAX_STEP));
    return action(eased, `${Math.round(100 * (failed ?? 0))} % of its calls fail`);
  }
  if (has === null) {
    // Who has no limit is given one only to leave room for what is more important.
    return takesBack && standing.importance === "optional" && want < mean
      ? action(to, "leaves room for what is more important")
      : null;
  }
  if (to > has) {
    const isUsed = isWaiting || mean >= USED * has;
    return isKept || !isUsed
      ? null
      : action(Math.min(to, MAX_STEP * has), `${want.toFixed(1)} calls at once are wanted`);
  }
  if (!takesBack || isWaiting || mean >= USED * has) return null;
  return action(
    Math.max(to, Math.ceil(has / MAX_STEP)),
    `it uses ${mean.toFixed(1)} of the ${has} that it has`,
  );
}

/** Of so many machines, by resource, without what others use; those without a bound are left out. */
function capacityOf(
  { machines, tools }: Pick<Recording, "machines" | "tools">,
  count: number,
): Record<string, number> {
  const names = new Set([
    ...machines.flatMap(({ capacity }) => Object.keys(capacity)),
    ...Object.values(tools).flatMap(({ resources }) => Object.keys(resources)),
  ]);
  const capacity: Record<string, number> = {};
  for (const name of names) {
    const each = Array.from({ length: count }, (_, index) => machines[index] ?? machines.at(-1));
    const sum = each.reduce(
      (all, machine) =>
        all + (machine === undefined ? Infinity : capacityIn(machine)(name) / MACHINE_UNITS),
      0,
    );
    if (Number.isFinite(sum)) capacity[name] = sum;
  }
  return capacity;
}

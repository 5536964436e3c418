import {
  RESOURCES,
  resourceLoads,
  visitsOf,
  type ScenarioClass,
  type ScenarioTool,
  type Vector,
} from "../../scenarios/definitions.ts";

/** A tool of a workload. With a service behind it, it takes nothing of the machines. */
export interface WorkTool extends ScenarioTool {
  readonly isService: boolean;
}

/** Tools, workflows over them, and how often each of these comes. */
export interface Workload {
  readonly tools: readonly WorkTool[];
  readonly classes: readonly ScenarioClass[];
  /** Runs a second, by workflow. */
  readonly perS: readonly number[];
}

/** A tool whose times vary as those of all workloads do. */
export const workTool = (
  id: string,
  use: Vector,
  seconds: number,
  isService = false,
): WorkTool => ({ id, use, seconds, spread: SPREAD, isService });

/** Steps one after another, by the places of their tools. */
export const chain = (id: string, ...tools: readonly number[]): ScenarioClass => ({
  id,
  steps: tools.map((tool, index) => ({ tool, needs: index === 0 ? [] : [index - 1], times: 1 })),
});

/** Standard deviation over mean of the times of calls. */
const SPREAD = 0.6;
const TOOLS = 8;
const CLASSES = 3;
const SERVICES = 2;

/** Eight tools and three workflows over them, which take so much of the scarcest resource of the machines. */
export function randomWorkload(random: () => number, machines: number, load: number): Workload {
  const between = (low: number, high: number): number => low + (high - low) * random();
  const first = Math.floor(random() * TOOLS);
  const services = new Set(
    Array.from({ length: SERVICES }, (_, index) => (first + index * 3) % TOOLS),
  );
  const tools = Array.from({ length: TOOLS }, (_, index): WorkTool => {
    const isService = services.has(index);
    const use: Vector = isService
      ? [0, 0, 0, 0]
      : [
          between(0.05, 0.3),
          between(0.05, 0.2),
          random() < 0.4 ? between(0.05, 0.25) : 0,
          random() < 0.3 ? between(0.05, 0.25) : 0,
        ];
    return workTool(`t${index}`, use, between(0.4, 1.6), isService);
  });
  const classes = Array.from({ length: CLASSES }, (_, index): ScenarioClass => {
    const order = tools.map((_tool, at) => [random(), at] as const).toSorted(([a], [b]) => a - b);
    const used = order
      .slice(0, 4 + Math.floor(random() * 3))
      .map(([, at]) => at)
      .toSorted((a, b) => a - b);
    const steps = used.map((tool, at) => {
      const before = random() < 0.7 ? at - 1 : Math.floor(random() * at);
      return { tool, needs: at === 0 ? [] : [before], times: 1 };
    });
    return { id: `w${index}`, steps };
  });
  const mix = classes.map(() => 1 + random());
  const whole = Math.max(...resourceLoads(tools, visitsOf(tools, classes, mix), machines));
  return { tools, classes, perS: mix.map((part) => (part * load) / whole) };
}

/** Calls of each tool a second. */
export function visitsAt({ tools, classes, perS }: Workload): readonly number[] {
  return visitsOf(tools, classes, perS);
}

/** The resource of which the workload takes most, and how much of all machines. */
export function scarcest(workload: Workload, machines: number): readonly [number, number] {
  const loads = resourceLoads(workload.tools, visitsAt(workload), machines);
  const most = Math.max(...loads);
  return [loads.indexOf(most), most];
}

export const resourceName = (resource: number): string => RESOURCES[resource]!;

/** By tool, the tools whose calls end before its own begin, in any workflow. */
export function ancestorsOf({ tools, classes }: Workload): readonly ReadonlySet<number>[] {
  const found = tools.map(() => new Set<number>());
  // Steps stand in order: what comes before a step is complete when it is looked at.
  for (const { steps } of classes) {
    const before: Set<number>[] = [];
    for (const { tool, needs } of steps) {
      const own = new Set(needs.flatMap((need) => [steps[need]!.tool, ...before[need]!]));
      before.push(own);
      for (const one of own) if (one !== tool) found[tool]!.add(one);
    }
  }
  return found;
}

/** The only tool that feeds another, if there is just one. */
export function onlyFeeder({ classes }: Workload, tool: number): number | null {
  const feeders = new Set<number>();
  for (const { steps } of classes)
    for (const step of steps) {
      if (step.tool !== tool) continue;
      if (step.needs.length === 0) return null;
      for (const need of step.needs) feeders.add(steps[need]!.tool);
    }
  const [only, more] = [...feeders];
  return only === undefined || more !== undefined || only === tool ? null : only;
}

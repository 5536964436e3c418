import type { Shares, UsageWindow } from "../../../../processors/optimizer/learning/vectors.ts";
import type { Chance } from "./chance.ts";

export interface SimulatedTool {
  readonly id: string;
  /** What a call really needs. */
  readonly needs: Shares;
  readonly declared: Shares;
  readonly serviceS: number;
  /** Calls that arrive, by second. */
  readonly rate: number;
}

interface Call {
  readonly tool: SimulatedTool;
  endS: number;
}

export interface Setting {
  readonly machines: number;
  readonly tools: readonly SimulatedTool[];
  readonly chance: Chance;
  /** Standard deviation of a reading, as a share of what is read. */
  readonly noise: number;
  /** What a call is believed to need; the gate admits by it. */
  readonly believed: (tool: string) => Shares;
  readonly background?: (machine: number, resource: string, atS: number) => number;
  /** Free share that the gate leaves for background. */
  readonly reserved?: (machine: number, resource: string) => number;
  /** The windows of all machines. */
  readonly observe: (windows: readonly UsageWindow[], atS: number) => void;
}

const RESOURCES = ["cpu", "memory", "network", "storage"] as const;
const STEP_S = 0.1;
const WINDOW_S = 5;
/** What comes when this many wait is turned away, so that an overload ends. */
const QUEUE = 200;

/**
 * Machines whose gate admits by believed shares, in steps of 100 ms: calls arrive at random, wait until
 * a machine has room, and use what they really need. Every 5 s each machine's use is read.
 */
export function simulate(setting: Setting, seconds: number): void {
  const { chance, tools } = setting;
  const running: Call[][] = Array.from({ length: setting.machines }, () => []);
  const next = tools.map(({ rate }) => chance.exponential(rate));
  let sums = running.map(() => emptySums());
  let waiting: SimulatedTool[] = [];
  let believed = believedOf(setting);
  for (let step = 1; step <= seconds / STEP_S; step++) {
    const atS = step * STEP_S;
    tools.forEach((tool, index) => {
      for (; next[index]! <= atS; next[index]! += chance.exponential(tool.rate))
        if (waiting.length < QUEUE) waiting.push(tool);
    });
    for (const calls of running)
      for (let index = calls.length - 1; index >= 0; index--)
        if (calls[index]!.endS <= atS) calls.splice(index, 1);
    const free = running.map((calls, machine) => freeOf(setting, believed, calls, machine));
    waiting = waiting.filter((tool) => {
      const first = Math.floor(chance.next() * setting.machines);
      for (let offset = 0; offset < setting.machines; offset++) {
        const machine = (first + offset) % setting.machines;
        const needs = believed.get(tool.id)!;
        if (!needs.every(([resource, share]) => share <= free[machine]![resource]! + 1e-9))
          continue;
        for (const [resource, share] of needs) free[machine]![resource]! -= share;
        running[machine]!.push({ tool, endS: atS + chance.logNormal(tool.serviceS, 0.6) });
        return false;
      }
      return true;
    });
    running.forEach((calls, machine) => note(setting, calls, machine, atS, sums[machine]!));
    if (step % (WINDOW_S / STEP_S) !== 0) continue;
    setting.observe(
      sums.map((sum, machine) => windowOf(setting, machine, sum)),
      atS,
    );
    sums = running.map(() => emptySums());
    believed = believedOf(setting);
  }
}

interface Sums {
  readonly use: Record<string, number>;
  readonly waited: Record<string, number>;
  readonly running: Record<string, number>;
}

const emptySums = (): Sums => ({ use: {}, waited: {}, running: {} });

type Believed = ReadonlyMap<string, readonly (readonly [string, number])[]>;

/** What the tools are held for; it changes with each reading only. */
const believedOf = ({ tools, believed }: Setting): Believed =>
  new Map(tools.map(({ id }) => [id, Object.entries(believed(id))]));

function freeOf(
  setting: Setting,
  believed: Believed,
  calls: readonly Call[],
  machine: number,
): Record<string, number> {
  const free: Record<string, number> = {};
  for (const resource of RESOURCES)
    free[resource] = 1 - (setting.reserved?.(machine, resource) ?? 0);
  for (const { tool } of calls)
    for (const [resource, share] of believed.get(tool.id)!) free[resource]! -= share;
  return free;
}

/** Adds one step to the sums; calls of an overcommitted machine take longer. */
function note(
  setting: Setting,
  calls: readonly Call[],
  machine: number,
  atS: number,
  sums: Sums,
): void {
  let slowest = 1;
  for (const resource of RESOURCES) {
    const demand =
      (setting.background?.(machine, resource, atS) ?? 0) +
      calls.reduce((sum, { tool }) => sum + (tool.needs[resource] ?? 0), 0);
    sums.use[resource] = (sums.use[resource] ?? 0) + Math.min(1, demand) * STEP_S;
    if (demand > 1.02) sums.waited[resource] = (sums.waited[resource] ?? 0) + STEP_S;
    slowest = Math.max(slowest, demand);
  }
  for (const call of calls) {
    call.endS += STEP_S * (1 - 1 / slowest);
    sums.running[call.tool.id] = (sums.running[call.tool.id] ?? 0) + STEP_S;
  }
}

function windowOf(setting: Setting, machine: number, sums: Sums): UsageWindow {
  const mean = (values: Record<string, number>, noise: number): Record<string, number> =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        key,
        Math.max(0, (value / WINDOW_S) * (1 + noise * setting.chance.normal())),
      ]),
    );
  return {
    machine: `m${machine}`,
    windowMs: WINDOW_S * 1_000,
    usage: mean(sums.use, setting.noise),
    pressure: mean(sums.waited, 0),
    running: mean(sums.running, 0),
  };
}

/** Shares of eight kinds of tools: what they need and how long they take. */
const KINDS = [
  { needs: { cpu: 0.1, memory: 0.05 }, serviceS: 0.3 },
  { needs: { cpu: 0.6, memory: 0.4, network: 0.2 }, serviceS: 1.8 },
  { needs: { cpu: 0.2, memory: 0.1 }, serviceS: 0.6 },
  { needs: { cpu: 0.08, memory: 0.05, network: 0.3 }, serviceS: 0.7 },
  { needs: { cpu: 0.4, memory: 0.3, storage: 0.1 }, serviceS: 1.2 },
  { needs: { cpu: 0.15, memory: 0.15, storage: 0.35 }, serviceS: 0.8 },
  { needs: { cpu: 0.25, memory: 0.2, network: 0.4, storage: 0.2 }, serviceS: 1.4 },
  { needs: { cpu: 0.3, memory: 0.3, network: 0.1 }, serviceS: 1 },
] as const satisfies readonly { needs: Shares; serviceS: number }[];

/** Tools that load `machines` to `load` of the resource they need most, each declared wrong by x.6 to x1.6. */
export function misdeclaredTools(
  chance: Chance,
  count: number,
  machines: number,
  load: number,
): SimulatedTool[] {
  const drawn = Array.from({ length: count }, (_, index) => {
    const kind = KINDS[index % KINDS.length]!;
    const needs = Object.fromEntries(
      Object.entries(kind.needs).map(([resource, share]) => [
        resource,
        share * (0.6 + 0.8 * chance.next()),
      ]),
    );
    const declared = Object.fromEntries(
      Object.entries(needs).map(([resource, share]) => [
        resource,
        Math.min(1, share * (0.6 + chance.next())),
      ]),
    );
    const serviceS = kind.serviceS * (0.5 + chance.next());
    return { id: `t${index}`, needs, declared, serviceS, rate: 0.05 + chance.next() ** 2 };
  });
  const demand = RESOURCES.map((resource) =>
    drawn.reduce(
      (sum, { needs, serviceS, rate }) =>
        sum + rate * serviceS * ((needs as Shares)[resource] ?? 0),
      0,
    ),
  );
  const factor = (load * machines) / Math.max(...demand);
  return drawn.map((tool) => ({ ...tool, rate: tool.rate * factor }));
}

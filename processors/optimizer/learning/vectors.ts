import {
  type Background,
  type Belief,
  correct,
  declaredBelief,
  noBackground,
  type Part,
  seenBackground,
  within,
} from "./vector-filter.ts";

/** Shares of one machine by resource: `{cpu: 0.3}`. */
export type Shares = Readonly<Record<string, number>>;

/** What was seen of one machine in one window. */
export interface UsageWindow {
  readonly machine: string;
  /** How long the window was. Milliseconds. */
  readonly windowMs: number;
  /** Mean use by resource, as a share of the machine. Null or absent: not known, nothing is learned. */
  readonly usage: Readonly<Record<string, number | null>>;
  /** Mean number of running calls by tool, on this machine in this window. */
  readonly running: Readonly<Record<string, number>>;
  /** Share of the window in which work waited for the resource. Null or absent: not known. */
  readonly pressure?: Readonly<Record<string, number | null>>;
}

/** Everything that was learned, as plain JSON. */
export interface VectorState {
  /** By tool, by resource. */
  readonly tools: Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>;
  /** By machine, by resource. */
  readonly machines: Readonly<
    Record<string, Readonly<Record<string, { belief: readonly [number, number]; noise: number }>>>
  >;
}

/**
 * A learned share this near to the declared one is not told from it: noise of usage must not move what
 * fits beside what.
 */
const DEAD_ZONE = 0.1;
/** What a machine that is well used uses at least, and the share of time that work waits there at most. */
const WELL_USED = 0.5;
const AT_EASE = 0.05;

const isBelief = (belief: unknown): belief is readonly [number, number] =>
  Array.isArray(belief) && belief.length === 2 && belief.every(Number.isFinite);

/**
 * Learns what calls of each tool need and what else runs on each machine, from
 * `usage = background + sum over tools (running calls x share of one call)`. Pure: no clock, no I/O.
 *
 * Only resources that a tool declares are learned for it; what others use without saying so is
 * background. Machines are taken to be alike: a share is a share of any of them.
 */
export class VectorLearner {
  readonly #declared: (tool: string) => Shares;
  readonly #tools = new Map<string, Map<string, Belief>>();
  readonly #machines = new Map<string, Map<string, Background>>();

  /**
   * @param declared The declared shares of a tool; empty for one that is not known.
   * @param state What `toJSON` gave earlier; entries that are no beliefs are left out.
   */
  constructor(declared: (tool: string) => Shares, state: Partial<VectorState> = {}) {
    this.#declared = declared;
    for (const [tool, shares] of Object.entries(state.tools ?? {}))
      for (const [resource, belief] of Object.entries(shares))
        if (isBelief(belief)) inner(this.#tools, tool).set(resource, [belief[0], belief[1]]);
    for (const [machine, loads] of Object.entries(state.machines ?? {}))
      for (const [resource, { belief, noise }] of Object.entries(loads))
        if (isBelief(belief) && Number.isFinite(noise))
          inner(this.#machines, machine).set(resource, { belief: [belief[0], belief[1]], noise });
  }

  /**
   * Takes in the windows of machines at about the same time. Windows without length, and readings that are no numbers, are
   * left out. What one machine lacks while another that is used as well does not is not for what the tools need: that
   * would show on both.
   */
  observe(windows: readonly UsageWindow[]): void {
    const usable = windows.filter(({ windowMs }) => windowMs > 0 && Number.isFinite(windowMs));
    for (const window of usable)
      for (const [resource, usage] of Object.entries(window.usage)) {
        if (usage === null || !Number.isFinite(usage) || usage < 0) continue;
        const isApart = usable.some((other) => other !== window && isAtEase(other, resource));
        this.#learn(window, resource, usage, isApart);
      }
  }

  /**
   * What a call of a tool is believed to need: the declared share where the learned one is within 10 %
   * of it, else the learned one; always between a quarter of the declared share and four times it, and
   * at most 1, the whole machine.
   */
  resourcesOf(tool: string): Shares {
    return this.#shares(tool, (declared, learned) =>
      Math.abs(learned - declared) <= DEAD_ZONE * declared ? declared : learned,
    );
  }

  /** The same without the rule of 10 %: what the measurements say, for display. */
  learnedOf(tool: string): Shares {
    return this.#shares(tool, (_declared, learned) => learned);
  }

  /**
   * Use of a machine that no running call explains, by resource; 0 when it is below 5 %. A resource that
   * was never measured is absent: unknown.
   */
  background(machine: string): Shares {
    const loads = this.#machines.get(machine) ?? new Map<string, Background>();
    return Object.fromEntries(
      [...loads].map(([resource, load]) => [resource, seenBackground(load)]),
    );
  }

  /** Forgets a machine that is gone. */
  forget(machine: string): void {
    this.#machines.delete(machine);
  }

  toJSON(): VectorState {
    return {
      tools: plain(this.#tools, ([value, variance]) => [value, variance] as const),
      machines: plain(this.#machines, ({ belief, noise }) => ({
        belief: [belief[0], belief[1]] as const,
        noise,
      })),
    };
  }

  #shares(tool: string, choose: (declared: number, learned: number) => number): Shares {
    const learned = this.#tools.get(tool);
    return Object.fromEntries(
      Object.entries(this.#declared(tool)).map(([resource, declared]) => {
        const belief = learned?.get(resource);
        return [
          resource,
          belief === undefined ? declared : choose(declared, within(belief[0], declared)),
        ];
      }),
    );
  }

  #learn(window: UsageWindow, resource: string, usage: number, isApart: boolean): void {
    const load = this.#load(window.machine, resource);
    const pressure = window.pressure?.[resource] ?? 0;
    const reading = { usage, pressure, windowMs: window.windowMs, isApart };
    correct(load, this.#parts(window.running, resource), reading);
  }

  #load(machine: string, resource: string): Background {
    const loads = inner(this.#machines, machine);
    const load = loads.get(resource) ?? noBackground();
    loads.set(resource, load);
    return load;
  }

  #parts(running: UsageWindow["running"], resource: string): Part[] {
    return Object.entries(running).flatMap(([tool, count]) => {
      const declared = this.#declared(tool)[resource] ?? 0;
      if (!(declared > 0) || !(count > 0) || !Number.isFinite(count)) return [];
      const shares = inner(this.#tools, tool);
      const belief = shares.get(resource) ?? declaredBelief(declared);
      shares.set(resource, belief);
      return [{ belief, declared, running: count }];
    });
  }
}

/** A machine that is well used, and of which nothing is lacking. */
function isAtEase({ usage, pressure }: UsageWindow, resource: string): boolean {
  const lacking = pressure?.[resource] ?? null;
  return (usage[resource] ?? 0) > WELL_USED && lacking !== null && lacking < AT_EASE;
}

function inner<Value>(outer: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  const found = outer.get(key) ?? new Map<string, Value>();
  outer.set(key, found);
  return found;
}

function plain<Value, Plain>(
  outer: Map<string, Map<string, Value>>,
  one: (value: Value) => Plain,
): Record<string, Record<string, Plain>> {
  return Object.fromEntries(
    [...outer].map(([key, values]) => [
      key,
      Object.fromEntries([...values].map(([name, value]) => [name, one(value)])),
    ]),
  );
}

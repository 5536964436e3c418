import type { Rank } from "../../../queues/client.ts";

/** What a call takes: millionths of a machine by resource, slots by budget. */
export interface Call {
  readonly tool: string;
  readonly needs: Readonly<Record<string, number>>;
  readonly slots: Readonly<Record<string, number>>;
}

export interface RunningCall extends Call {
  readonly machine: string;
  /** Infinity when nobody knows. */
  readonly endsAtMs: number;
}

/** Calls of one tool that wait one behind another. */
export interface Waiting extends Call {
  readonly count: number;
  /** Their places in the fair order; those behind the last have its place. */
  readonly ranks: readonly Rank[];
  /** Where it is served. */
  readonly machines: ReadonlySet<string>;
  /** How long one takes; Infinity when nobody knows. */
  readonly serviceMs: number;
  /** None of them starts before this time. */
  readonly notBeforeMs?: number;
}

export interface MachineScene {
  /** Millionths that are there for calls. */
  readonly capacity: (resource: string) => number;
  /** It is kept for the next call of this tool. */
  readonly drain?: { readonly tool: string; readonly needs: Readonly<Record<string, number>> };
}

/** What is there, what runs, and who waits; the last call of the last of the line is what it is about. */
export interface Scene {
  readonly nowMs: number;
  readonly machines: ReadonlyMap<string, MachineScene>;
  /** `grows`: an end of a call makes room for one more; not the first `firmFor` of them. */
  readonly budgets: ReadonlyMap<
    string,
    { readonly slots: number; readonly grows?: boolean; readonly firmFor?: number }
  >;
  readonly running: readonly RunningCall[];
  readonly line: readonly Waiting[];
}

export interface Forecast {
  /** When that one starts; null when that hangs on calls of unknown length. */
  readonly atMs: number | null;
  readonly machine: string | null;
  /** Tools whose calls end before. */
  readonly after: readonly string[];
  /** Tools whose calls have no known end. */
  readonly unknown: readonly string[];
}

/** A place before all others. */
const FIRST: Rank = { turn: -1, order: 0, at: 0 };

const goesBefore = (a: Rank, b: Rank): boolean =>
  a.turn === b.turn ? (a.order === b.order ? a.at < b.at : a.order < b.order) : a.turn < b.turn;

/** Starts that are played; what is behind them follows at the same pace. */
const MAX_STARTS = 5_000;

/**
 * Plays what is to come by the rules of the gate: calls end after their mean time, what they give back goes
 * to those that wait, in their order; who waits for budgets alone is not overtaken at them. Windows of
 * rates, and calls that come later, are not in it.
 */
export function forecast(scene: Scene): Forecast {
  return new Play(scene).run();
}

class Play {
  readonly #scene: Scene;
  #nowMs: number;
  readonly #running: RunningCall[];
  readonly #used = new Map<string, number>();
  readonly #limits: Map<string, number>;
  /** Ends of calls that make no more room, by budget. */
  readonly #firm: Map<string, number>;
  readonly #drains: Map<string, NonNullable<MachineScene["drain"]>>;
  readonly #left: number[];
  readonly #after = new Set<string>();
  #starts = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#nowMs = scene.nowMs;
    this.#running = scene.running.toSorted((a, b) => a.endsAtMs - b.endsAtMs);
    this.#limits = new Map([...scene.budgets].map(([name, { slots }]) => [name, slots]));
    this.#firm = new Map([...scene.budgets].map(([name, { firmFor = 0 }]) => [name, firmFor]));
    this.#drains = new Map(
      [...scene.machines].flatMap(([name, { drain }]) =>
        drain === undefined ? [] : [[name, drain] as const],
      ),
    );
    this.#left = scene.line.map(({ count }) => count);
    for (const call of scene.running) this.#account(call, call.machine, 1);
  }

  run(): Forecast {
    const last = this.#scene.line.length - 1;
    const total = this.#left[last] ?? 0;
    for (;;) {
      const machine = this.#startAll(last);
      if (machine !== null) return this.#told(this.#nowMs, machine);
      if (this.#starts > MAX_STARTS) {
        const done = total - (this.#left[last] ?? 0);
        const tookMs = this.#nowMs - this.#scene.nowMs;
        const atMs = done > 0 ? this.#scene.nowMs + (tookMs / done) * total : null;
        return this.#told(atMs, null);
      }
      const nextMs = Math.min(this.#running[0]?.endsAtMs ?? Infinity, this.#nextOpening());
      if (nextMs === Infinity) return this.#told(null, null);
      this.#nowMs = Math.max(this.#nowMs, nextMs);
      this.#endUntil(this.#nowMs);
    }
  }

  #told(atMs: number | null, machine: string | null): Forecast {
    const unknown = this.#running.filter((call) => call.endsAtMs === Infinity);
    return {
      atMs,
      machine,
      after: [...this.#after],
      unknown: [...new Set(unknown.map(({ tool }) => tool))],
    };
  }

  #nextOpening(): number {
    const times = this.#scene.line.map(({ notBeforeMs = 0 }) => notBeforeMs);
    return Math.min(Infinity, ...times.filter((atMs) => atMs > this.#nowMs));
  }

  #endUntil(atMs: number): void {
    while (this.#running[0] !== undefined && this.#running[0].endsAtMs <= atMs) {
      const call = this.#running.shift()!;
      this.#after.add(call.tool);
      this.#account(call, call.machine, -1);
      for (const name of Object.keys(call.slots)) this.#grow(name);
    }
  }

  #grow(name: string): void {
    if (this.#scene.budgets.get(name)?.grows !== true) return;
    const firm = this.#firm.get(name)!;
    if (firm > 0) this.#firm.set(name, firm - 1);
    else this.#limits.set(name, this.#limits.get(name)! + 1);
  }

  /** Starts what fits. The machine of the one that it is about, when it was started. */
  #startAll(last: number): string | null {
    const keptBudgets = new Set<string>();
    const stopped = new Set<number>();
    for (;;) {
      const index = this.#next(stopped);
      if (index === null) return null;
      const waiting = this.#scene.line[index]!;
      const short = this.#shortBudgets(waiting);
      const machine = this.#machineFor(waiting);
      const isBehind = Object.keys(waiting.slots).some((name) => keptBudgets.has(name));
      if (isBehind || short.length > 0 || machine === null) {
        stopped.add(index);
        // Who waits for budgets alone is not overtaken at them.
        if (machine !== null) for (const name of short) keptBudgets.add(name);
        continue;
      }
      this.#left[index]!--;
      if (index === last && this.#left[index] === 0) return machine;
      this.#start(waiting, machine);
    }
  }

  /** Whose turn it is among those that were not stopped. */
  #next(stopped: ReadonlySet<number>): number | null {
    let found: { readonly index: number; readonly rank: Rank } | null = null;
    for (const [index, { count, ranks, notBeforeMs = 0 }] of this.#scene.line.entries()) {
      const left = this.#left[index]!;
      if (left === 0 || stopped.has(index) || notBeforeMs > this.#nowMs) continue;
      const rank = ranks[Math.min(count - left, ranks.length - 1)] ?? FIRST;
      if (found === null || goesBefore(rank, found.rank)) found = { index, rank };
    }
    return found?.index ?? null;
  }

  #start(waiting: Waiting, machine: string): void {
    this.#starts++;
    if (this.#drains.get(machine)?.tool === waiting.tool) this.#drains.delete(machine);
    const call = { ...waiting, machine, endsAtMs: this.#nowMs + waiting.serviceMs };
    this.#account(call, machine, 1);
    const at = this.#running.findIndex(({ endsAtMs }) => endsAtMs > call.endsAtMs);
    this.#running.splice(at < 0 ? this.#running.length : at, 0, call);
  }

  #shortBudgets({ slots }: Call): string[] {
    return Object.entries(slots)
      .filter(
        ([name, need]) => this.#usedOf(`b ${name}`) + need > (this.#limits.get(name) ?? Infinity),
      )
      .map(([name]) => name);
  }

  #machineFor(call: Waiting): string | null {
    for (const [name, machine] of this.#scene.machines) {
      if (!call.machines.has(name)) continue;
      const alone = this.#usedOf(`n ${name}`) === 0;
      const found = this.#drains.get(name);
      const drain = found?.tool === call.tool ? undefined : found;
      if (alone && drain === undefined) return name;
      const fits = Object.entries(call.needs).every(([resource, need]) => {
        const held = this.#usedOf(`r ${name} ${resource}`) + (drain?.needs[resource] ?? 0);
        return need === 0 || held + need <= machine.capacity(resource);
      });
      if (fits) return name;
    }
    return null;
  }

  #usedOf(key: string): number {
    return this.#used.get(key) ?? 0;
  }

  #account({ needs, slots }: Call, machine: string, sign: 1 | -1): void {
    const add = (key: string, amount: number): void => {
      this.#used.set(key, this.#usedOf(key) + sign * amount);
    };
    add(`n ${machine}`, 1);
    for (const [resource, units] of Object.entries(needs)) add(`r ${machine} ${resource}`, units);
    for (const [name, count] of Object.entries(slots)) add(`b ${name}`, count);
  }
}

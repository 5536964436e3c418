import type { Rank } from "../../../queues/client.ts";
import type { BudgetTerms } from "../model/budget.ts";
import { Ends } from "../model/ends.ts";
import { MachineModel, type MachineTerms } from "../model/machine.ts";
import { GateModel, type ModelCall, type StartedCall } from "../model/model.ts";

/** What a call takes: millionths of a machine by resource, slots by budget. */
export interface Call {
  readonly tool: string;
  readonly units: Readonly<Record<string, number>>;
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

/** What is there, what runs, and who waits; the last call of the last of the line is what it is about. */
export interface Scene {
  readonly nowMs: number;
  readonly machines: ReadonlyMap<string, MachineTerms>;
  readonly budgets: ReadonlyMap<string, BudgetTerms>;
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
 * to those that wait, in their order. Windows of rates, and calls that come later, are not in it.
 */
export function forecast(scene: Scene): Forecast {
  return new Play(scene).run();
}

/** A queue in the line: how many calls of it have started. */
interface Place {
  readonly waiting: Waiting;
  readonly call: ModelCall;
  readonly machines: ReadonlySet<string>;
  started: number;
}

const callOf = ({ tool, units, slots }: Call): ModelCall => ({
  tool,
  units,
  budgets: Object.entries(slots).map(([name, count]) => [name, count, 0]),
});

class Play {
  readonly #model: GateModel;
  readonly #line: readonly Place[];
  readonly #running = new Ends<StartedCall>();
  readonly #after = new Set<string>();
  #starts = 0;

  constructor({ nowMs, machines, budgets, running, line }: Scene) {
    this.#model = new GateModel({ nowMs, machines, budgets });
    this.#line = line.map((waiting) => ({
      waiting,
      call: callOf(waiting),
      machines: waiting.machines,
      started: 0,
    }));
    for (const one of running) {
      // What it holds of budgets counts also when its machine is gone.
      const machine = this.#model.machine(one.machine) ?? gone(one.machine);
      this.#running.add(one.endsAtMs, this.#model.start(callOf(one), machine));
    }
  }

  run(): Forecast {
    const model = this.#model;
    const beganMs = model.nowMs;
    const last = this.#line.at(-1);
    for (;;) {
      const machine = this.#startAll();
      if (machine !== null) return this.#forecast(model.nowMs, machine);
      if (this.#starts > MAX_STARTS) {
        const { started: done, waiting } = last!;
        const paceMs = (model.nowMs - beganMs) / done;
        return this.#forecast(done > 0 ? beganMs + paceMs * waiting.count : null, null);
      }
      const nextMs = Math.min(this.#running.nextMs, this.#nextOpening());
      if (nextMs === Infinity) return this.#forecast(null, null);
      model.nowMs = Math.max(model.nowMs, nextMs);
      for (const ended of this.#running.until(model.nowMs)) {
        this.#after.add(ended.call.tool);
        model.end(ended);
      }
    }
  }

  #forecast(atMs: number | null, machine: string | null): Forecast {
    const unknown = new Set(this.#running.endless.map(({ call }) => call.tool));
    return { atMs, machine, after: [...this.#after], unknown: [...unknown] };
  }

  #nextOpening(): number {
    const times = this.#line.map(({ waiting }) => waiting.notBeforeMs ?? 0);
    return Math.min(Infinity, ...times.filter((atMs) => atMs > this.#model.nowMs));
  }

  /** Starts what fits. The machine of the one that it is about, when it was started. */
  #startAll(): string | null {
    const model = this.#model;
    const last = this.#line.at(-1);
    let found: string | null = null;
    model.serve<Place>(
      (stopped) => this.#next(stopped),
      (place, [machine]) => {
        place.started++;
        this.#starts++;
        const { serviceMs, count } = place.waiting;
        this.#running.add(model.nowMs + serviceMs, model.start(place.call, machine!));
        if (place === last && place.started === count) found = machine!.name;
        return found !== null;
      },
    );
    return found;
  }

  /** Whose turn it is among those that were not stopped. */
  #next(stopped: ReadonlySet<Place>): Place | undefined {
    let found: { readonly place: Place; readonly rank: Rank } | undefined;
    for (const place of this.#line) {
      const { count, ranks, notBeforeMs = 0 } = place.waiting;
      if (place.started === count || stopped.has(place) || notBeforeMs > this.#model.nowMs)
        continue;
      const rank = ranks[Math.min(place.started, ranks.length - 1)] ?? FIRST;
      if (found === undefined || goesBefore(rank, found.rank)) found = { place, rank };
    }
    return found?.place;
  }
}

const gone = (name: string): MachineModel => new MachineModel(name, { capacity: () => 0 });

import { Durations } from "../../../queues/index.ts";
import { seeded } from "./random.ts";
import { roomIn, type ModelMachine, type ModelTool, type Recording } from "./recording.ts";

/** How calls of a tool fared in the model. */
export interface Fared {
  /** Calls that began and those that ended. */
  readonly begun: number;
  readonly ended: number;
  /** Jobs that wait when the recording is over. */
  readonly waiting: number;
  /** From arrival to begin, of those that began. Milliseconds; null: none did. */
  readonly meanWaitMs: number | null;
  readonly p95WaitMs: number | null;
}

interface Running {
  readonly endsAtMs: number;
  readonly tool: ToolState;
  readonly machine: MachineState;
}

interface MachineState {
  readonly model: ModelMachine;
  readonly used: Map<string, number>;
  calls: number;
}

interface ToolState {
  /** Chance of its own, so that a change of one tool does not change what happens to others by chance. */
  readonly arriving: () => number;
  readonly serving: () => number;
  readonly name: string;
  readonly model: ModelTool;
  /** Arrivals that wait, the first at `head`. */
  readonly queue: number[];
  head: number;
  running: number;
  begun: number;
  ended: number;
  waitSumMs: number;
  readonly waits: Durations;
}

/** Seeds of one play: two for each tool. */
const SEEDS = 100_003;
/** What is binary about shares: three of a third fit. */
const HAIR = 1e-6;

/**
 * Plays a recording through a model of the gate: jobs come as they came, their calls take times drawn from those
 * that were measured, and one starts as soon as slots, rates and a machine have room, the job that came first
 * before the others. Runs and their order are not in it: what comes does not depend on what ends.
 */
export function simulate(recording: Recording, seed: number): Readonly<Record<string, Fared>> {
  const model = new Model(recording, seed);
  model.play();
  return model.fared();
}

class Model {
  readonly #recording: Recording;
  readonly #tools: readonly ToolState[];
  readonly #machines: readonly MachineState[];
  /** Slots in use by budget, and when units were taken of each rate: pairs of time and units, with a sum. */
  readonly #slots = new Map<string, number>();
  readonly #windows = new Map<string, { takes: [atMs: number, units: number][]; sum: number }>();
  /** Calls that run, as a heap by their end. */
  readonly #running: Running[] = [];
  #nowMs = 0;

  constructor(recording: Recording, seed: number) {
    this.#recording = recording;
    this.#tools = Object.entries(recording.tools).map(([name, model], index) => ({
      arriving: seeded(SEEDS * seed + 2 * index),
      serving: seeded(SEEDS * seed + 2 * index + 1),
      name,
      model,
      queue: Array.from({ length: model.waiting }, () => 0),
      head: 0,
      running: 0,
      begun: 0,
      ended: 0,
      waitSumMs: 0,
      waits: Durations.empty(),
    }));
    this.#machines = recording.machines.map((machine) => ({
      model: machine,
      used: new Map(),
      calls: 0,
    }));
  }

  play(): void {
    const { steps, stepMs } = this.#recording;
    this.#start();
    for (let step = 0; step < steps; step++) {
      for (const { atMs, tool } of this.#arrivalsOf(step, stepMs)) {
        this.#until(atMs);
        tool.queue.push(atMs);
        this.#start();
      }
    }
    this.#until(steps * stepMs);
  }

  fared(): Record<string, Fared> {
    return Object.fromEntries(
      this.#tools.map((tool) => [
        tool.name,
        {
          begun: tool.begun,
          ended: tool.ended,
          waiting: tool.queue.length - tool.head,
          meanWaitMs: tool.begun === 0 ? null : tool.waitSumMs / tool.begun,
          p95WaitMs: tool.waits.percentileMs(95),
        },
      ]),
    );
  }

  /** What comes in a step, spread over it by chance, the first first. */
  #arrivalsOf(step: number, stepMs: number): { atMs: number; tool: ToolState }[] {
    const arrivals = this.#tools.flatMap((tool) =>
      Array.from({ length: tool.model.arrivals[step] ?? 0 }, () => ({
        atMs: (step + tool.arriving()) * stepMs,
        tool,
      })),
    );
    return arrivals.toSorted((a, b) => a.atMs - b.atMs);
  }

  /** Lets time pass: calls end, and rates have room again. */
  #until(atMs: number): void {
    for (;;) {
      const ends = this.#running[0]?.endsAtMs ?? Infinity;
      const room = this.#nextRoom();
      const next = Math.min(ends, room);
      if (next > atMs) break;
      this.#nowMs = next;
      while ((this.#running[0]?.endsAtMs ?? Infinity) <= next) this.#end(pop(this.#running)!);
      this.#start();
    }
    this.#nowMs = atMs;
  }

  /** When the next unit of any rate is free that a job waits for. */
  #nextRoom(): number {
    let next = Infinity;
    for (const tool of this.#tools) {
      if (tool.head >= tool.queue.length) continue;
      for (const { budget, units } of tool.model.budgets)
        for (const { durationMs, max } of this.#recording.budgets[budget]?.rates ?? []) {
          if (units === 0) continue;
          const window = this.#window(budget, durationMs);
          if (window.sum + units <= max) continue;
          const oldest = window.takes[0]?.[0];
          if (oldest !== undefined) next = Math.min(next, oldest + durationMs);
        }
    }
    return next;
  }

  #end({ tool, machine }: Running): void {
    tool.running--;
    tool.ended++;
    machine.calls--;
    for (const [name, share] of Object.entries(tool.model.needs))
      machine.used.set(name, (machine.used.get(name) ?? 0) - share);
    for (const { budget, slots } of tool.model.budgets)
      this.#slots.set(budget, (this.#slots.get(budget) ?? 0) - slots);
  }

  /** Starts what fits: of the jobs in front of their queues the one that came first, again and again. */
  #start(): void {
    const open = new Set(this.#tools.filter((tool) => tool.head < tool.queue.length));
    while (open.size > 0) {
      const tool = [...open].reduce((a, b) => (a.queue[a.head]! <= b.queue[b.head]! ? a : b));
      const machine = this.#allows(tool) ? this.#roomFor(tool) : undefined;
      if (machine === undefined) open.delete(tool);
      else {
        this.#begin(tool, machine);
        if (tool.head >= tool.queue.length) open.delete(tool);
      }
    }
  }

  #allows({ model, running }: ToolState): boolean {
    if (model.cap !== undefined && running >= model.cap) return false;
    return model.budgets.every(({ budget, slots, units }) => {
      const limits = this.#recording.budgets[budget];
      if (limits === undefined) return true;
      if (limits.slots !== undefined && (this.#slots.get(budget) ?? 0) + slots > limits.slots)
        return false;
      return limits.rates.every(
        ({ max, durationMs }) => units === 0 || this.#window(budget, durationMs).sum + units <= max,
      );
    });
  }

  /** The machine with room that has most of it. On one that is empty everything fits. */
  #roomFor({ model }: ToolState): MachineState | undefined {
    const fits = this.#machines.filter((machine) => machine.calls === 0 || isRoom(machine, model));
    return fits.toSorted((a, b) => fullness(a) - fullness(b))[0];
  }

  #begin(tool: ToolState, machine: MachineState): void {
    const waitedMs = this.#nowMs - tool.queue[tool.head]!;
    tool.head++;
    tool.running++;
    tool.begun++;
    tool.waitSumMs += waitedMs;
    tool.waits.record(waitedMs);
    machine.calls++;
    for (const [name, share] of Object.entries(tool.model.needs))
      machine.used.set(name, (machine.used.get(name) ?? 0) + share);
    for (const { budget, slots, units } of tool.model.budgets) {
      this.#slots.set(budget, (this.#slots.get(budget) ?? 0) + slots);
      for (const { durationMs } of this.#recording.budgets[budget]?.rates ?? []) {
        const window = this.#window(budget, durationMs);
        window.takes.push([this.#nowMs, units]);
        window.sum += units;
      }
    }
    const { serviceMs } = tool.model;
    const drawn = serviceMs[Math.floor(tool.serving() * serviceMs.length)] ?? 0;
    const endsAtMs = this.#nowMs + drawn * slowdownOf(machine, tool.model);
    push(this.#running, { endsAtMs, tool, machine });
  }

  #window(budget: string, durationMs: number) {
    const name = `${budget}\n${durationMs}`;
    const window = this.#windows.get(name) ?? { takes: [], sum: 0 };
    this.#windows.set(name, window);
    while (window.takes.length > 0 && window.takes[0]![0] + durationMs <= this.#nowMs)
      window.sum -= window.takes.shift()![1];
    return window;
  }
}

function isRoom({ model, used }: MachineState, { needs }: ModelTool): boolean {
  return Object.entries(needs).every(([name, share]) => {
    const free = roomIn(model, name) - (used.get(name) ?? 0);
    return share === 0 || share <= free + HAIR;
  });
}

/**
 * How many times as long a call takes that begins on a machine where more is used than there is: what is scarce is shared
 * out evenly. Calls that run already are not slowed down by it, so it is the least. A call that is alone is as slow as it
 * was measured.
 */
function slowdownOf({ model, used, calls }: MachineState, { needs }: ModelTool): number {
  if (calls === 1) return 1;
  let most = 1;
  for (const [name, share] of Object.entries(needs))
    if (share > 0)
      most = Math.max(most, (used.get(name) ?? 0) + (model.background[name] ?? 0) - HAIR);
  return most;
}

const fullness = ({ used }: MachineState): number => Math.max(0, ...used.values());

/** A binary heap by the end of calls. */
function push(heap: Running[], call: Running): void {
  let at = heap.length;
  heap.push(call);
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (heap[above]!.endsAtMs <= call.endsAtMs) break;
    heap[at] = heap[above]!;
    at = above;
  }
  heap[at] = call;
}

function pop(heap: Running[]): Running | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && heap[below + 1]!.endsAtMs < heap[below]!.endsAtMs) below++;
    if (heap[below]!.endsAtMs >= last.endsAtMs) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = last;
  return first;
}

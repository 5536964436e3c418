import { Durations, MACHINE_UNITS } from "../../../queues/index.ts";
import { Ends } from "../../gate/model/ends.ts";
import type { MachineModel } from "../../gate/model/machine.ts";
import { GateModel, type ModelCall, type StartedCall } from "../../gate/model/model.ts";
import { seeded } from "./random.ts";
import { capacityIn, unitsIn, type ModelTool, type Recording } from "./recording.ts";

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

interface ToolState {
  /** Chance of its own, so that a change of one tool does not change what happens to others by chance. */
  readonly arriving: () => number;
  readonly serving: () => number;
  readonly name: string;
  readonly model: ModelTool;
  readonly call: ModelCall;
  /** Arrivals that wait, the first at `head`. */
  readonly queue: number[];
  head: number;
  begun: number;
  ended: number;
  waitSumMs: number;
  readonly waits: Durations;
}

interface Running {
  readonly tool: ToolState;
  readonly started: StartedCall;
}

/** Seeds of one play: two for each tool. */
const SEEDS = 100_003;

/**
 * Plays a recording through the model of the gate: jobs come as they came, their calls take times drawn from those
 * that were measured, and one starts as soon as slots, rates and a machine have room, the job that came first
 * before the others. Runs and their order are not in it: what comes does not depend on what ends.
 */
export function simulate(recording: Recording, seed: number): Readonly<Record<string, Fared>> {
  const play = new Play(recording, seed);
  play.run();
  return play.fared();
}

/** What a service was seen to carry, as a budget of its tool. */
const kneeOf = (tool: string): string => `knee of ${tool}`;

function callOf(tool: string, { resources, budgets, cap }: ModelTool): ModelCall {
  const takes = budgets.map(({ budget, slots, units }) => [budget, slots, units] as const);
  return {
    tool,
    units: unitsIn(resources),
    budgets: cap === undefined ? takes : [...takes, [kneeOf(tool), 1, 0]],
  };
}

class Play {
  readonly #recording: Recording;
  readonly #tools: readonly ToolState[];
  readonly #gate: GateModel;
  readonly #running = new Ends<Running>();

  constructor(recording: Recording, seed: number) {
    this.#recording = recording;
    this.#tools = Object.entries(recording.tools).map(([name, model], index) => ({
      arriving: seeded(SEEDS * seed + 2 * index),
      serving: seeded(SEEDS * seed + 2 * index + 1),
      name,
      model,
      call: callOf(name, model),
      queue: Array.from({ length: model.waiting }, () => 0),
      head: 0,
      begun: 0,
      ended: 0,
      waitSumMs: 0,
      waits: Durations.empty(),
    }));
    const knees = Object.entries(recording.tools).flatMap(([name, { cap }]) =>
      cap === undefined ? [] : [[kneeOf(name), { slots: cap }] as const],
    );
    const budgets = Object.entries(recording.budgets).map(([name, { rates, ...slots }]) => {
      const windows = rates.map(({ max, durationMs }) => [max, durationMs] as const);
      return [name, { ...slots, rates: windows }] as const;
    });
    this.#gate = new GateModel({
      machines: recording.machines.map((machine, index) => [
        String(index),
        { capacity: capacityIn(machine) },
      ]),
      budgets: [...budgets, ...knees],
    });
  }

  run(): void {
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
      const next = Math.min(this.#running.nextMs, this.#nextRoom());
      if (next > atMs) break;
      this.#gate.nowMs = next;
      for (const { tool, started } of this.#running.until(next)) {
        tool.ended++;
        this.#gate.end(started);
      }
      this.#start();
    }
    this.#gate.nowMs = atMs;
  }

  /** When a window has room again that a job waits for. */
  #nextRoom(): number {
    let next = Infinity;
    for (const tool of this.#tools)
      if (isWaiting(tool)) next = Math.min(next, this.#gate.windowOpensAt(tool.call));
    return next;
  }

  /** Starts what fits: of the jobs in front of their queues the one that came first, again and again. */
  #start(): void {
    this.#gate.serve<ToolState>(
      (stopped) => {
        let first: ToolState | undefined;
        for (const tool of this.#tools)
          if (
            isWaiting(tool) &&
            !stopped.has(tool) &&
            (first === undefined || isSooner(tool, first))
          )
            first = tool;
        return first;
      },
      (tool, machines) => {
        // That which has most room.
        this.#begin(
          tool,
          machines.reduce((a, b) => (b.fullness < a.fullness ? b : a)),
        );
        return false;
      },
    );
  }

  #begin(tool: ToolState, machine: MachineModel): void {
    const { nowMs } = this.#gate;
    const waitedMs = nowMs - tool.queue[tool.head]!;
    tool.head++;
    tool.begun++;
    tool.waitSumMs += waitedMs;
    tool.waits.record(waitedMs);
    const started = this.#gate.start(tool.call, machine);
    const { serviceMs } = tool.model;
    const drawn = serviceMs[Math.floor(tool.serving() * serviceMs.length)] ?? 0;
    this.#running.add(nowMs + drawn * this.#slowdownOf(started), { tool, started });
  }

  /**
   * How many times as long a call takes that begins on a machine where more is used than there is: what is scarce is
   * shared out evenly. Calls that run already are not slowed down by it, so it is the least. A call that is alone is as
   * slow as it was measured.
   */
  #slowdownOf({ call, machine }: StartedCall): number {
    if (machine.calls === 1) return 1;
    const { background = {} } = this.#recording.machines[Number(machine.name)] ?? {};
    const demands = Object.entries(call.units)
      .filter(([, units]) => units > 0)
      .map(([name]) => machine.used(name) / MACHINE_UNITS + (background[name] ?? 0));
    return Math.max(1, ...demands);
  }
}

const isWaiting = ({ head, queue }: ToolState): boolean => head < queue.length;
const isSooner = (a: ToolState, b: ToolState): boolean => a.queue[a.head]! < b.queue[b.head]!;

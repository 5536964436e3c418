import type { Redis } from "ioredis";

import type { Keys } from "../names.ts";
import {
  decodeBudget,
  decodeTool,
  type BudgetLimits,
  type GatedLimits,
  type Layer,
} from "./stored/limits.ts";
import { decodeMachine, type MachineState } from "./stored/machines.ts";
import type { UsageWord } from "./stored/observed.ts";
import {
  decodeLayerName,
  decodeLayers,
  mapOf,
  toolState,
  type BudgetLayers,
  type ToolLayers,
} from "./stored/snapshot.ts";
import { TroubleNames } from "./stored/troubles.ts";

/** What a process may remember about tools that take nothing. */
export interface OpenTools {
  /** Tools that take nothing unless they are in trouble. */
  readonly tools: ReadonlyMap<string, Pick<GatedLimits, "upstream" | "importance" | "perKey">>;
  readonly troubles: TroubleNames;
  readonly level: number;
}

/** Reads and writes that need no operation of the script. */
export class GateReader {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  #key(name: string): string {
    return `${this.#keys.gate}.${name}`;
  }

  /** The effective limits of each tool, all layers combined. */
  async toolLimits(): Promise<ReadonlyMap<string, GatedLimits>> {
    const texts = await this.#redis.hgetall(this.#key("tools"));
    return mapOf(texts, (text, tool) => toolState(decodeTool(text), tool).limits);
  }

  async budgetLimits(): Promise<ReadonlyMap<string, BudgetLimits>> {
    return mapOf(await this.#redis.hgetall(this.#key("budgets")), decodeBudget);
  }

  async toolLayers(): Promise<ToolLayers> {
    return decodeLayers(await this.#redis.hgetall(this.#key("layers:tools")), decodeTool);
  }

  async budgetLayers(): Promise<BudgetLayers> {
    return decodeLayers(await this.#redis.hgetall(this.#key("layers:budgets")), decodeBudget);
  }

  /** The tools that a layer mentions. */
  async toolsIn(layer: Layer): Promise<string[]> {
    const fields = await this.#redis.hkeys(this.#key("layers:tools"));
    return fields.map(decodeLayerName).flatMap((one) => (one.layer === layer ? [one.id] : []));
  }

  /** The machines with live processes. */
  async machines(): Promise<MachineState[]> {
    const names = await this.#redis.smembers(this.#key("machines"));
    const all = names.map((name) => this.#redis.hgetall(this.#key(`machine:${name}`)));
    return (await Promise.all(all)).map(decodeMachine);
  }

  countMachines(): Promise<number> {
    return this.#redis.scard(this.#key("machines"));
  }

  async openTools(): Promise<OpenTools> {
    const [limits, fields, level] = await Promise.all([
      this.toolLimits(),
      this.#redis.hkeys(this.#key("trouble")),
      this.#redis.hget(this.#keys.gate, "level"),
    ]);
    return {
      tools: new Map([...limits].filter(([, one]) => takesNothing(one))),
      troubles: new TroubleNames(fields),
      level: Number(level ?? 0),
    };
  }

  /** Stores what a machine reports about its usage. */
  async sayUsage(machine: string, word: UsageWord): Promise<void> {
    await this.#redis.hset(this.#keys.usage, machine, JSON.stringify(word));
  }
}

const takesNothing = ({ needs, budgets, cap, external }: GatedLimits): boolean =>
  Object.keys(needs).length === 0 &&
  budgets.length === 0 &&
  (cap ?? false) === false &&
  external !== true;

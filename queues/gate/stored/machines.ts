import { FLOOR_SHARE, MEMORY_FLOOR_SHARE } from "../scripts/constants.ts";
import { MACHINE_UNITS } from "./limits.ts";

type Units = Readonly<Record<string, number>>;

/** What a machine has, by resource. Millionths of the machine. */
export interface MachineLimits {
  /** Resources with a capacity of their own. */
  readonly capacity: Units;
  /** What all others have; null: it has no bound at all. */
  readonly others: number | null;
  /** What others than its calls use, as far as it was measured. */
  readonly background: Units;
}

export interface MachineState extends MachineLimits {
  /** What permits hold. */
  readonly used: Units;
  /** Permits that are out. */
  readonly calls: number;
}

/** A machine that is kept for the next call of a big tool. */
export interface Drain {
  readonly tool: string;
  readonly units: Units;
  /** Redis' clock. Milliseconds. */
  readonly untilMs: number;
}

/** What is said of a machine beside what runs there. Millionths; `*` for all resources without a word of their own, -1: no bound. */
export interface MachineChange {
  readonly capacity?: Units;
  readonly background?: Units;
}

/** What calls may hold of a resource of a machine beside its neighbors, as the gate reckons it. */
export function roomOf({ capacity, others, background }: MachineLimits, resource: string): number {
  if (others === null) return Infinity;
  const own = capacity[resource] ?? others;
  const share = resource === "memory" ? MEMORY_FLOOR_SHARE : FLOOR_SHARE;
  return Math.max(own - (background[resource] ?? 0), Math.floor(own * share));
}

/** Calls that take these units and that there is room for at once; Infinity when nothing bounds them. */
export function fitting(units: Units, room: (resource: string) => number): number {
  const each = Object.entries(units)
    .filter(([, amount]) => amount > 0)
    .map(([resource, amount]) => Math.floor(room(resource) / amount));
  return Math.max(0, Math.min(Infinity, ...each));
}

/** A whole machine, of every resource. */
export const wholeMachine = (): number => MACHINE_UNITS;

/** How a machine stands in Redis: `c:` capacity, `b:` background, `u:` used, and `n` calls. */
export function decodeMachine(fields: Readonly<Record<string, number | string>>): MachineState {
  const part = (mark: string): Record<string, number> =>
    Object.fromEntries(
      Object.entries(fields).flatMap(([field, units]) =>
        field.startsWith(mark) && !field.endsWith(":*")
          ? [[field.slice(mark.length), Number(units)]]
          : [],
      ),
    );
  const others = Number(fields["c:*"] ?? MACHINE_UNITS);
  return {
    capacity: part("c:"),
    others: others < 0 ? null : others,
    background: part("b:"),
    used: part("u:"),
    calls: Number(fields["n"] ?? 0),
  };
}

export function encodeMachine({ capacity = {}, background = {} }: MachineChange): Units {
  const marked = (mark: string, units: Units) =>
    Object.entries(units).map(([resource, amount]) => [`${mark}:${resource}`, amount] as const);
  return Object.fromEntries([...marked("c", capacity), ...marked("b", background)]);
}

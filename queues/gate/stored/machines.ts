import { FLOOR_SHARE, MEMORY_FLOOR_SHARE } from "../scripts/constants.ts";
import { MACHINE_UNITS } from "./limits.ts";

type Units = Readonly<Record<string, number>>;

/** Limits of a machine, by resource. Millionths of the machine. */
export interface MachineLimits {
  /** Resources with a capacity of their own. */
  readonly capacity: Units;
  /** Capacity of all other resources; null: unbounded. */
  readonly others: number | null;
  /** Measured use by anything but its calls. */
  readonly background: Units;
}

export interface MachineState extends MachineLimits {
  /** What permits hold. */
  readonly used: Units;
  /** Permits in use. */
  readonly calls: number;
}

/** A machine that is kept free for the next call of a big tool. */
export interface Drain {
  readonly tool: string;
  readonly units: Units;
  /** Redis' clock. Milliseconds. */
  readonly untilMs: number;
}

/** Changes to a machine's limits. Millionths; `*` is all resources not named, -1 is unbounded. */
export interface MachineChange {
  readonly capacity?: Units;
  readonly background?: Units;
}

/** How much of a machine's resource calls may hold, given what its neighbors use, as the gate computes it. */
export function roomOf({ capacity, others, background }: MachineLimits, resource: string): number {
  if (others === null) return Infinity;
  const own = capacity[resource] ?? others;
  const share = resource === "memory" ? MEMORY_FLOOR_SHARE : FLOOR_SHARE;
  return Math.max(own - (background[resource] ?? 0), Math.floor(own * share));
}

/** How many calls with these needs fit at once; Infinity when nothing bounds them. */
export function fitting(units: Units, room: (resource: string) => number): number {
  const each = Object.entries(units)
    .filter(([, amount]) => amount > 0)
    .map(([resource, amount]) => Math.floor(room(resource) / amount));
  return Math.max(0, Math.min(Infinity, ...each));
}

/** Room on an empty machine, for any resource. */
export const wholeMachine = (): number => MACHINE_UNITS;

/** Decodes a machine as Redis stores it: `c:` capacity, `b:` background, `u:` used, and `n` calls. */
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

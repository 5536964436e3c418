import { RESOURCES } from "../../scenarios/definitions.ts";
import type { Load } from "./loads.ts";

/** Something of which there is so much from a time on. Milliseconds. */
type Supply = readonly { readonly fromMs: number; readonly amount: number }[];

/**
 * When a load could be done at the earliest, whoever shares it out: each resource of all machines, and each service, used
 * to the last bit from when work for it comes (a fluid bound; calls take their mean times). Milliseconds.
 */
export function boundMs(load: Load, machines: number): number {
  const bounds = load.runs.flatMap(({ atMs: fromMs }) => {
    // What comes from then on cannot be begun earlier.
    const coming = load.runs.filter(({ atMs }) => atMs >= fromMs);
    const secondsOf = (tool: number): number =>
      coming.reduce((sum, { at, count }) => {
        const calls = load.classes[at]!.steps.filter((step) => step.tool === tool).length;
        return sum + count * calls * load.tools[tool]!.seconds;
      }, 0);
    const ofMachines = RESOURCES.map((_, resource) => {
      const work = load.tools.reduce(
        (sum, { use }, tool) => sum + secondsOf(tool) * use[resource]!,
        0,
      );
      return doneAt(1_000 * work, fromMs, machineSupply(load, machines, resource));
    });
    const ofServices = load.tools.flatMap(({ isService, id }, tool) => {
      const supply = kneeSupply(load, id);
      return isService && supply.length > 0
        ? [doneAt(1_000 * secondsOf(tool), fromMs, supply)]
        : [];
    });
    return [...ofMachines, ...ofServices];
  });
  return Math.round(Math.max(...bounds));
}

function machineSupply({ events }: Load, machines: number, resource: number): Supply {
  const taken = new Map<number, number>();
  const supply = [{ fromMs: 0, amount: machines }];
  for (const event of events) {
    if (!("machine" in event)) continue;
    taken.set(event.machine, Math.min(1, event.background[resource]!));
    const amount = machines - [...taken.values()].reduce((sum, share) => sum + share, 0);
    supply.push({ fromMs: event.atMs, amount });
  }
  return supply;
}

const kneeSupply = ({ events }: Load, service: string): Supply =>
  events.flatMap((event) =>
    "knee" in event && event.service === service
      ? [{ fromMs: event.atMs, amount: event.knee }]
      : [],
  );

/** When so much work is done that begins at a time and uses all there is. */
function doneAt(workMs: number, fromMs: number, supply: Supply): number {
  if (workMs === 0) return fromMs;
  let left = workMs;
  for (const [index, { fromMs: startMs, amount }] of supply.entries()) {
    const beginMs = Math.max(fromMs, startMs);
    const endMs = supply[index + 1]?.fromMs ?? Infinity;
    if (endMs <= beginMs) continue;
    const done = amount * (endMs - beginMs);
    if (done >= left) return beginMs + left / amount;
    left -= done;
  }
  return Infinity;
}

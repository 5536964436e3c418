import { DEFAULT_TARGET, TARGETS, type Target } from "../../../config/index.ts";
import type { Shapes } from "../findings/shape.ts";
import type { Window } from "../metrics/window.ts";
import type { Room } from "../tuning/adjustment.ts";

/** With each step that runs ask for, what was asked for before counts so much less: the last hundred or two are what matters. */
const KEPT = 0.99;
/** A smaller share is forgotten. */
const LEAST = 0.001;

/** Which share of the steps of a tool runs of each target have asked for, the last ones counting most: plain JSON. */
export type AimState = Readonly<Record<string, Readonly<Partial<Record<Target, number>>>>>;

/** What the runs that call a tool most aim at; tools of which that is balanced are left out. */
export type Aims = Readonly<Record<string, Target>>;

/**
 * One window further, of the tools that may be changed. A step that is called for each item counts once: nobody knows
 * before how many there are. Where nothing is asked for, what was asked for last is still at work.
 */
export function learnAims(
  before: AimState,
  { admitted, unseen }: Pick<Window, "admitted" | "unseen">,
  { shapes, room }: { readonly shapes: Shapes; readonly room: Room },
): AimState {
  const asked = new Map<string, Map<Target, number>>();
  for (const [hash, runs] of [...Object.entries(unseen), ...Object.entries(admitted)]) {
    const shape = shapes[hash];
    for (const [tool] of shape?.steps ?? []) {
      const own = asked.get(tool) ?? new Map<Target, number>();
      asked.set(tool, own.set(shape!.target, (own.get(shape!.target) ?? 0) + runs));
    }
  }
  const after: Record<string, Partial<Record<Target, number>>> = {};
  for (const [tool, { isSet }] of Object.entries(room)) {
    const shares = isSet ? {} : sharesOf(before[tool], asked.get(tool) ?? new Map());
    if (Object.keys(shares).length > 0) after[tool] = shares;
  }
  return after;
}

function sharesOf(
  before: AimState[string] | undefined,
  asked: ReadonlyMap<Target, number>,
): AimState[string] {
  const count = [...asked.values()].reduce((sum, one) => sum + one, 0);
  if (count === 0) return before ?? {};
  const left = before === undefined ? 0 : KEPT ** count;
  const shares = TARGETS.map((target) => {
    const share = (asked.get(target) ?? 0) / count;
    return [target, left * (before?.[target] ?? 0) + (1 - left) * share] as const;
  });
  return Object.fromEntries(shares.filter(([, share]) => share >= LEAST));
}

/** The target of most of what was asked for of each tool; of equals it is balanced. */
export function aimsOf(state: AimState): Aims {
  const aims: Record<string, Target> = {};
  for (const [tool, asked] of Object.entries(state)) {
    let most: Target = DEFAULT_TARGET;
    for (const target of TARGETS) if ((asked[target] ?? 0) > (asked[most] ?? 0)) most = target;
    if (most !== DEFAULT_TARGET) aims[tool] = most;
  }
  return aims;
}

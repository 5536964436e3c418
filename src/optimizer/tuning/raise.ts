import { ownBudget } from "../../../queues/index.ts";
import type { Digest } from "../findings/digest.ts";
import type { Finding } from "../findings/finding.ts";
import type { Adjustment, Room } from "./adjustment.ts";
import { canProve, measure, together, type Measured } from "./judge.ts";
import { mayRaise, type TuningState } from "./state.ts";

/** Windows before a change that it is compared with. */
const BEFORE_WINDOWS = 6;
/** Only those in which jobs waited count: where nothing waits, more calls at once could not end more. So many are needed. */
export const LEAST_BEFORE = 4;
const WAITED = 0.5;
/** A raise is by this part, and by 1 at least; by the larger one where what waits would take longer than a minute. */
const STEP = 0.5;
const LONG_STEP = 1;
const LONG_MS = 60_000;

/** The last windows behind the last change of anything and the window it was made in. */
export function windowsBefore(windows: readonly Digest[], changedAtMs: number): Digest[] {
  const since = windows.filter(({ atMs }) => atMs > changedAtMs);
  return (changedAtMs === 0 ? since : since.slice(1)).slice(-BEFORE_WINDOWS);
}

/** Those of them in which jobs of a tool waited. */
export function waited(windows: readonly Digest[], tool: string, changedAtMs: number): Measured[] {
  return windowsBefore(windows, changedAtMs)
    .filter(({ tools }) => (tools[tool]?.busy ?? 0) > WAITED)
    .map((one) => measure(one, tool));
}

/** The raise of the first tool that only its own concurrency keeps, as far as its catalogue lets it; null: none. */
export function proposeRaise(
  state: TuningState,
  windows: readonly Digest[],
  findings: readonly Finding[],
  room: Room,
): Adjustment | null {
  for (const { tool, kind, culprit, evidence } of findings) {
    const own = room[tool];
    if (kind !== "under_provisioned" || culprit !== ownBudget(tool) || own === undefined) continue;
    if (!mayRaise(state, tool, own)) continue;
    const { concurrency: from, max } = own;
    const to = Math.min(max, from + Math.max(1, Math.ceil(from * stepOf(evidence))));
    const before = waited(windows, tool, state.changedAtMs);
    // What could not be proven even if it gained all that it can is not tried.
    if (before.length < LEAST_BEFORE || !canProve(together(before), before.length, to / from))
      continue;
    return {
      id: state.lastId + 1,
      tool,
      what: "concurrency",
      from,
      to,
      why: `${tool} may not run more than ${from} calls at once, and jobs wait for that`,
      atMs: windows.at(-1)?.atMs ?? 0,
    };
  }
  return null;
}

const stepOf = ({ drainMs }: Finding["evidence"]): number =>
  drainMs === null || drainMs > LONG_MS ? LONG_STEP : STEP;

import { setImmediate as yieldToLoop } from "node:timers/promises";

import { STRATEGIES, type Strategy, type Target, given } from "../../../config/index.ts";
import { planFor, type Action, type ToolStanding } from "../planning/plan.ts";
import { changed, type ModelChange } from "../simulation/compare.ts";
import type { Recording } from "../simulation/recording.ts";
import { simulate, type Fared } from "../simulation/simulate.ts";
import type { OptimizerState } from "../think.ts";
import type { Room } from "../tuning/adjustment.ts";
import type { Recorded } from "./record.ts";
import { affordablePlays } from "./simulation.ts";

/** How the load fares, over all tools: means over the plays. */
export interface LoadFared {
  /** Calls that end. */
  readonly ended: number;
  /** From arrival to begin, over the calls that begin; null: none does. Milliseconds. */
  readonly waitMs: number | null;
  /** Jobs that wait at the end. */
  readonly waiting: number;
  readonly machines: number;
}

/** What should be changed for a target, and what that would have done to the load of the last minutes. */
export interface Plan {
  readonly target: Target;
  /** How daringly machines are filled; null: as they are. */
  readonly strategy: Strategy | null;
  readonly actions: readonly Action[];
  readonly after: LoadFared;
}

/** Plans for the same load. */
export interface Plans {
  readonly recordedMs: number;
  /** Fewer than asked for, where the load is large. */
  readonly plays: number;
  /** As it is. */
  readonly before: LoadFared;
  /** Each target under each strategy. */
  readonly plans: readonly Plan[];
}

/** What is to be planned for. */
export interface PlanOrders {
  readonly targets: readonly Target[];
  readonly strategies: readonly (Strategy | null)[];
  readonly plays: number;
}

/** What a plan goes by beside the recording. */
export interface PlanFacts {
  readonly room: Room;
  /** Null before the first pass. */
  readonly state: OptimizerState | null;
}

/** Findings under which more calls of a tool at once would not help. */
const KEPT = new Set([
  "rate_limited",
  "resource_bound",
  "downstream_saturated",
  "unserved",
  "dependency_bound",
]);

/** Makes plans and plays them, play by play, so that others have their turn in between. */
export async function makePlans(
  recorded: Recorded,
  { targets, strategies, plays: asked }: PlanOrders,
  facts: PlanFacts,
): Promise<Plans> {
  const { recording, ms } = recorded;
  const plays = affordablePlays(recording, asked);
  const standings = standingsOf(recorded, facts);
  const plans: Plan[] = [];
  for (const strategy of strategies) {
    const filled = strategy === null ? recording : underStrategy(recording, strategy);
    for (const target of targets) {
      const actions = planFor(target, filled, standings);
      const after = await playLoad(changed(filled, changeOf(actions)), plays);
      plans.push({ target, strategy, actions, after });
    }
  }
  return { recordedMs: ms, plays, before: await playLoad(recording, plays), plans };
}

async function playLoad(recording: Recording, plays: number): Promise<LoadFared> {
  const fared: LoadFared[] = [];
  for (let seed = 1; seed <= plays; seed++) {
    fared.push(faredOf(simulate(recording, seed), recording));
    await yieldToLoop();
  }
  return meanOf(fared);
}

function underStrategy(recording: Recording, strategy: Strategy): Recording {
  const { "*": others = null, ...capacity } = STRATEGIES[strategy];
  const named = Object.fromEntries(
    Object.entries(capacity).flatMap(([name, share]) => (share === null ? [] : [[name, share]])),
  );
  return {
    ...recording,
    machines: recording.machines.map((machine) => ({ ...machine, capacity: named, others })),
  };
}

/** What plans have to know of the tools that were recorded. */
export function standingsOf(
  { recording, failed, importance }: Recorded,
  { room, state }: PlanFacts,
): Record<string, ToolStanding> {
  const standings: Record<string, ToolStanding> = {};
  for (const tool of Object.keys(recording.tools)) {
    const kind = state?.findings.tools[tool]?.standing?.verdict.kind;
    standings[tool] = {
      importance: importance[tool] ?? "essential",
      max: room[tool]?.max ?? null,
      failed: failed[tool] ?? null,
      isKept: kind !== undefined && KEPT.has(kind),
    };
  }
  return standings;
}

function changeOf(actions: readonly Action[]): ModelChange {
  const tools: Record<string, { concurrency: number }> = {};
  let machines: number | undefined;
  for (const action of actions)
    if (action.what === "machines") machines = action.to;
    else tools[action.tool] = { concurrency: action.to };
  return { tools, ...given({ machines }) };
}

function faredOf(tools: Readonly<Record<string, Fared>>, { machines }: Recording): LoadFared {
  const all = Object.values(tools);
  const sum = (of: (one: Fared) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  const begun = sum((one) => one.begun);
  return {
    ended: sum((one) => one.ended),
    waitMs: begun === 0 ? null : sum((one) => one.begun * (one.meanWaitMs ?? 0)) / begun,
    waiting: sum((one) => one.waiting),
    machines: machines.length,
  };
}

function meanOf(plays: readonly LoadFared[]): LoadFared {
  const mean = (of: (one: LoadFared) => number): number =>
    plays.reduce((sum, one) => sum + of(one), 0) / plays.length;
  const waits = plays.flatMap(({ waitMs }) => (waitMs === null ? [] : [waitMs]));
  return {
    ended: Math.round(mean(({ ended }) => ended)),
    waitMs:
      waits.length === 0
        ? null
        : Math.round(waits.reduce((sum, wait) => sum + wait, 0) / waits.length),
    waiting: Math.round(mean(({ waiting }) => waiting)),
    machines: plays[0]?.machines ?? 0,
  };
}

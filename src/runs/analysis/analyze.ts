import { given } from "../../../config/index.ts";
import type { Sample } from "../../../queues/client.ts";
import type { RunDefinition, TakeOver } from "../../../queues/index.ts";
import { namesInOrder } from "../../workflow/graph/dag.ts";
import { turnsBefore } from "../view/eligible.ts";
import type { Compensated } from "../view/run-course.ts";
import type { RunView } from "../view/run-view.ts";
import { savedBy, sequenceOf, unusedNeedsOf, type Pair } from "./independent.ts";
import { reasonOf, waitReasons, type WaitReason } from "./waited.ts";

/** A step of a run that has ended, in milliseconds of the run: 0 is its submission. */
interface StepTime {
  readonly step: string;
  readonly tool?: string;
  readonly eligibleMs: number;
  readonly startedMs: number;
  readonly finishedMs: number;
  /** From when it could begin until it did. */
  readonly waitMs: number;
  /** What kept its tool meanwhile, as far as samples tell; the most first. */
  readonly waitedFor?: readonly WaitReason[];
  readonly runMs: number;
  /** What a step waits for that calls no tool: an approval, an event, a time, another run. */
  readonly reason?: string;
  readonly attempts: number;
  /** Calls that another start took over: when, from which worker, and for how long that was not heard of. */
  readonly takeOvers?: readonly TakeOver[];
  /** How much later it could have ended without the run ending later. 0: it is on the critical path. */
  readonly slackMs: number;
}

/** Something that would have made the run shorter, with the time that it is about. */
export type Recommendation =
  /** A step of the critical path waited for workers, machines or limits: `tutti optimize report` says which. */
  | {
      readonly kind: "waiting";
      readonly step: string;
      readonly tool?: string;
      readonly ms: number;
      /** What kept its tool most, as far as samples tell. */
      readonly reason?: string;
    }
  /** A step of the critical path was called again, pauses in between included. */
  | {
      readonly kind: "retries";
      readonly step: string;
      readonly attempts: number;
      readonly ms: number;
    }
  /** One step of the critical path is most of the run. */
  | { readonly kind: "longest"; readonly step: string; readonly ms: number }
  /** Mode `sequential`: steps that go one after another although none needs the other: so much sooner. */
  | {
      readonly kind: "independent";
      readonly pairs: readonly Pair[];
      readonly ms: number;
    }
  /** Steps that need others of which they take nothing: where the order does not matter, so much sooner. */
  | { readonly kind: "order_only"; readonly pairs: readonly Pair[]; readonly ms: number };

/** Where the time of a run went. */
export interface RunAnalysis {
  readonly runId: string;
  /** From submission to the last end; until now for a run that has not ended: only its ended steps are looked at. */
  readonly totalMs: number;
  /** From submission until its turn came. */
  readonly admissionMs: number | null;
  /** The steps whose ends the next one waited for, the first first: shorten one of them and the run is shorter. */
  readonly criticalPath: readonly string[];
  /** Waiting and running along the critical path. */
  readonly pathWaitMs: number;
  readonly pathRunMs: number;
  readonly steps: readonly StepTime[];
  /** What was or is being undone, in this order; it begins when all steps have ended. */
  readonly compensation?: readonly Compensated[];
  /** From the begin of the first to the end of the last of that; null: none has begun, or one has not ended. */
  readonly undoMs?: number | null;
  /** The largest first. */
  readonly recommendations: readonly Recommendation[];
}

/** Waiting or calling again is worth a word from this part of the run on. */
const WORTH = 0.1;
/** A step that is more of the run than this is most of it. */
const MOST = 0.5;

/** Where the time of a run went, by the times that its record has. Items of a forEach count with their step. */
export function analyzeRun(
  view: RunView,
  definition: RunDefinition,
  samples: readonly Sample[] = [],
): RunAnalysis {
  const fromMs = Date.parse(view.submittedAt);
  const ended = endedSteps(view, definition, { fromMs, samples });
  const totalMs = Math.max(0, ...[...ended.values()].map(({ finishedMs }) => finishedMs));
  const path = pathOf(ended, definition);
  const slack = slackOf(ended, definition, totalMs);
  const steps = [...ended.values()].map((one) => ({ ...one, slackMs: slack.get(one.step) ?? 0 }));
  const onPath = path.map((step) => ended.get(step)!);
  const sum = (of: (one: Timed) => number): number => onPath.reduce((all, one) => all + of(one), 0);
  return {
    runId: view.runId,
    totalMs,
    admissionMs: view.admittedAt === null ? null : Date.parse(view.admittedAt) - fromMs,
    criticalPath: path,
    pathWaitMs: sum(({ waitMs }) => waitMs),
    pathRunMs: sum(({ runMs }) => runMs),
    steps,
    ...(view.compensation === undefined
      ? {}
      : { compensation: view.compensation, undoMs: spanOf(view.compensation) }),
    recommendations: [
      ...onPath.flatMap((one) => recommendationsOf(one, totalMs)),
      ...orderOf(ended, definition, totalMs),
    ].toSorted((a, b) => b.ms - a.ms),
  };
}

function spanOf(compensation: readonly Compensated[]): number | null {
  const all = compensation.flatMap(({ startedAt, finishedAt }) =>
    startedAt === null || finishedAt === null
      ? []
      : [[Date.parse(startedAt), Date.parse(finishedAt)] as const],
  );
  if (all.length === 0 || all.length < compensation.length) return null;
  return Math.max(...all.map(([, to]) => to)) - Math.min(...all.map(([from]) => from));
}

type Timed = Omit<StepTime, "slackMs">;
type Ended = ReadonlyMap<string, Timed>;

function endedSteps(
  view: RunView,
  definition: RunDefinition,
  { fromMs, samples }: { readonly fromMs: number; readonly samples: readonly Sample[] },
): Ended {
  const ended = new Map<string, Timed>();
  for (const step of Object.keys(definition.steps)) {
    const seen = view.steps[step];
    // What did not run has no times.
    if (seen?.startedAt == null || seen.finishedAt == null) continue;
    const startedMs = Date.parse(seen.startedAt) - fromMs;
    const finishedMs = Date.parse(seen.finishedAt) - fromMs;
    const eligibleMs = Math.min(
      startedMs,
      (seen.eligibleAtMs ?? Date.parse(seen.startedAt)) - fromMs,
    );
    const { tool } = seen;
    const between = { fromMs: fromMs + eligibleMs, toMs: fromMs + startedMs };
    const waitedFor = tool === undefined ? [] : waitReasons(samples, tool, between);
    const reason = reasonOf(definition.steps[step]!);
    ended.set(step, {
      step,
      ...given({ tool: seen.tool }),
      eligibleMs,
      startedMs,
      finishedMs,
      waitMs: startedMs - eligibleMs,
      ...(waitedFor.length === 0 ? {} : { waitedFor }),
      ...given({ reason }),
      runMs: finishedMs - startedMs,
      attempts: seen.attempts,
      ...given({ takeOvers: seen.takeOvers }),
    });
  }
  return ended;
}

/** Orders that none of the steps is in need of, where the run would have ended over a tenth sooner without. */
function orderOf(ended: Ended, definition: RunDefinition, totalMs: number): Recommendation[] {
  const orders = [
    { kind: "independent" as const, order: sequenceOf(definition) },
    { kind: "order_only" as const, order: unusedNeedsOf(definition) },
  ];
  return orders.flatMap(({ kind, order }) => {
    const { pairs } = order;
    if (pairs.length === 0) return [];
    const ms = savedBy(ended, order);
    return ms > WORTH * totalMs ? [{ kind, pairs, ms }] : [];
  });
}

/** What had to end before a step, turns of mode `sequential` included. */
function beforeOf(ended: Ended, definition: RunDefinition, step: string): readonly Timed[] {
  const started = ended.get(step)?.startedMs ?? 0;
  const turn = turnsBefore(definition, step).at(-1);
  const isAny = definition.steps[step]?.join === "any";
  const needs = [...(definition.steps[step]?.needs ?? []), ...(turn === undefined ? [] : [turn])];
  return (
    ranBefore(ended, definition, needs)
      // `any`: what ended after it had begun was not waited for.
      .filter(({ finishedMs }) => !isAny || finishedMs <= started)
  );
}

/** The steps that ran, and in the place of one that did not those that it needs. */
function ranBefore(ended: Ended, definition: RunDefinition, needs: readonly string[]): Timed[] {
  const found = new Map<string, Timed>();
  const visited = new Set<string>();
  const open = [...needs];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (visited.has(id)) continue;
    visited.add(id);
    const ran = ended.get(id);
    if (ran === undefined) open.push(...(definition.steps[id]?.needs ?? []));
    else found.set(id, ran);
  }
  return [...found.values()];
}

const latest = (steps: Iterable<Timed>): Timed | undefined =>
  [...steps].toSorted((a, b) => b.finishedMs - a.finishedMs)[0];

/** Back from the step that ended last, always to the one that ended last before it. */
function pathOf(ended: Ended, definition: RunDefinition): string[] {
  const path: string[] = [];
  // What failed before its call is no end of a path: nothing took time there.
  let at =
    latest([...ended.values()].filter(({ attempts }) => attempts > 0)) ?? latest(ended.values());
  const seen = new Set<string>();
  while (at !== undefined && !seen.has(at.step)) {
    seen.add(at.step);
    path.push(at.step);
    at = latest(beforeOf(ended, definition, at.step));
  }
  return path.toReversed();
}

/** How much later each step could have ended, when those behind it wait and run as long as they did. */
function slackOf(ended: Ended, definition: RunDefinition, totalMs: number): Map<string, number> {
  const needs = new Map<string, string[]>();
  const behind = new Map<string, Timed[]>([...ended.keys()].map((step) => [step, []]));
  for (const one of ended.values()) {
    const before = beforeOf(ended, definition, one.step).map(({ step }) => step);
    needs.set(one.step, before);
    for (const step of before) behind.get(step)!.push(one);
  }
  const slack = new Map<string, number>();
  for (const step of namesInOrder(needs).toReversed()) {
    const { finishedMs } = ended.get(step)!;
    // What another one began behind could have ended as much later as that began later, and as it may itself.
    const least = behind
      .get(step)!
      .reduce(
        (ms, next) =>
          Math.min(ms, Math.max(0, next.eligibleMs - finishedMs) + slack.get(next.step)!),
        totalMs - finishedMs,
      );
    slack.set(step, Math.max(0, least));
  }
  return slack;
}

function recommendationsOf(one: Timed, totalMs: number): Recommendation[] {
  const { step, tool, waitMs, runMs, attempts, waitedFor } = one;
  const reason = waitedFor?.[0]?.reason;
  const found: Recommendation[] = [];
  if (waitMs > WORTH * totalMs)
    found.push({
      kind: "waiting",
      step,
      ...given({ tool }),
      ms: waitMs,
      ...given({ reason }),
    });
  if (attempts > 1 && runMs > WORTH * totalMs)
    found.push({ kind: "retries", step, attempts, ms: runMs });
  else if (runMs > MOST * totalMs) found.push({ kind: "longest", step, ms: runMs });
  return found;
}

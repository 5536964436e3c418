import { seeded } from "../../../src/optimizer/simulation/random.ts";
import { logNormal } from "../../statistics.ts";
import type { ForeignCourse, Phase } from "./format.ts";
import { Heap } from "./heap.ts";

/** A call that ended, as the gate tells who learns from it. */
export interface EndedCall {
  /** Calls underway while this one was, itself included: mean over its time. */
  readonly concurrency: number;
  readonly latencyMs: number;
  readonly atMs: number;
  /** More of them waited. */
  readonly bound: boolean;
}

/** Who decides how many calls there may be at once. Null: as many as are declared. */
export interface CapControl {
  readonly cap: number | null;
  /** What ended since the last pass, the oldest first, and how many calls are underway. */
  pass(ended: readonly EndedCall[], atMs: number, underway: number): void;
}

/** A time in which nothing changed: what a service was given to do, and what it did. */
export interface Span {
  readonly fromS: number;
  readonly toS: number;
  readonly capacity: number;
  readonly phase: number;
  readonly cap: number;
  /** Calls' worth of work that was done in it. */
  readonly done: number;
}

/** What became of a course. */
export interface Played {
  /** The oldest first. */
  readonly spans: readonly Span[];
  /** By phase, when the first call of it began, and when the last call that was underway as it began had ended; null: not in it. Seconds. */
  readonly firstBegunS: readonly (number | null)[];
  readonly lastLeftS: readonly (number | null)[];
}

/** A capacity that drifts is changed so often. Seconds. */
const DRIFT_STEP_S = 2;
/** Ended calls that the gate keeps for who learns from them. */
const SAMPLES_KEPT = 5_000;

/** When which capacity begins. */
export interface Stage {
  readonly fromS: number;
  readonly phase: number;
  readonly capacity: number;
}

/** What a course does when; a capacity that drifts is changed in small steps. */
export function stagesOf(phases: readonly Phase[]): Stage[] {
  let fromS = 0;
  return phases.flatMap(({ capacity, toCapacity = capacity, seconds }, phase) => {
    const steps = toCapacity === capacity ? 1 : Math.max(1, Math.round(seconds / DRIFT_STEP_S));
    const beganS = fromS;
    fromS += seconds;
    return Array.from({ length: steps }, (_, step) => ({
      fromS: beganS + (step * seconds) / steps,
      phase,
      capacity: capacity * (toCapacity / capacity) ** ((step + 0.5) / steps),
    }));
  });
}

/**
 * Plays a course: a service whose calls slow each other down beyond its capacity, and a tool that always has more to do
 * and keeps to a cap. One event after another in a time of its own: nothing waits for a clock.
 */
export function playService(
  { phases, declaredLimit, seed }: ForeignCourse,
  control: CapControl,
  passS: number,
): Played {
  const random = seeded(seed);
  const stages = stagesOf(phases);
  const endS = phases.reduce((sum, { seconds }) => sum + seconds, 0);
  const spans: Span[] = [];
  const firstBegunS: (number | null)[] = phases.map(() => null);
  const lastLeftS: (number | null)[] = phases.map(() => null);
  /** Calls underway by the work that has to be done for each caller until they end. */
  const running = new Heap();
  /** Of the calls that were underway when the phase began: which are still. */
  let oldLeft = 0;
  let stage = 0;
  let phase = phases[0]!;
  let [atS, work, callS] = [0, 0, 0];
  let nextPassS = passS * (0.2 + 0.8 * random());
  let ended: EndedCall[] = [];
  const capNow = (): number => Math.min(declaredLimit, control.cap ?? declaredLimit);
  let cap = capNow();
  const fill = (): void => {
    while (running.size < cap) {
      firstBegunS[stages[stage]!.phase] ??= atS;
      running.push(work + logNormal(random, phase.baseMs / 1_000, phase.jitter), atS, callS);
    }
  };
  let [spanS, spanDone] = [0, 0];
  const closeSpan = (): void => {
    const { capacity, phase: at } = stages[stage]!;
    if (atS > spanS)
      spans.push({ fromS: spanS, toS: atS, capacity, phase: at, cap, done: spanDone });
    spanS = atS;
    spanDone = 0;
  };
  fill();
  while (atS < endS) {
    const { capacity } = stages[stage]!;
    const slowness = Math.max(1, running.size / capacity) ** phase.exponent;
    const nextStageS = stages[stage + 1]?.fromS ?? endS;
    const nextEndS = running.size === 0 ? Infinity : atS + (running.least - work) * slowness;
    const toS = Math.min(nextEndS, nextStageS, nextPassS);
    work += (toS - atS) / slowness;
    callS += running.size * (toS - atS);
    spanDone += (running.size * (toS - atS)) / slowness / (phase.baseMs / 1_000);
    atS = toS;
    if (toS === nextEndS) {
      const concurrency = running.size;
      const { beganS, beganCallS } = running.pop();
      ended.push({
        concurrency:
          atS > beganS ? Math.max(1, (callS - beganCallS) / (atS - beganS)) : concurrency,
        latencyMs: Math.max(0.001, (atS - beganS) * 1_000),
        atMs: atS * 1_000,
        bound: true,
      });
      if (ended.length > 2 * SAMPLES_KEPT) ended = ended.slice(-SAMPLES_KEPT);
      const began = phaseStart(stages, stage);
      if (oldLeft > 0 && beganS < began && --oldLeft === 0) lastLeftS[stages[stage]!.phase] = atS;
    } else if (toS === nextPassS) {
      nextPassS += passS;
      control.pass(ended.slice(-SAMPLES_KEPT), atS * 1_000, running.size);
      ended = [];
      if (capNow() !== cap) {
        closeSpan();
        cap = capNow();
      }
    } else {
      closeSpan();
      if (stage === stages.length - 1) break;
      stage++;
      const at = stages[stage]!.phase;
      if (at !== stages[stage - 1]!.phase) {
        phase = phases[at]!;
        oldLeft = running.size;
        if (oldLeft === 0) lastLeftS[at] = atS;
      }
    }
    fill();
  }
  closeSpan();
  return { spans, firstBegunS, lastLeftS };
}

function phaseStart(stages: readonly Stage[], at: number): number {
  let first = at;
  while (first > 0 && stages[first - 1]!.phase === stages[at]!.phase) first--;
  return stages[first]!.fromS;
}

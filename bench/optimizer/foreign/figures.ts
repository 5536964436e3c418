import { round } from "../../statistics.ts";
import type { ForeignCourse, Phase } from "./format.ts";
import type { Played, Span } from "./service.ts";

/** A cap is right whose steady throughput is this share of that of the best one. */
const RIGHT = 0.8;
/** From then on so much of the best has to be done. */
const KEPT = 0.9;
/** How long a cap may take to be right: this, or so many times what a call takes of a quiet service. */
const ALLOWED = { s: 60, calls: 15 };

/** What changes when a phase begins: how many calls at once are right becomes more, less, or stays. */
type Change = "start" | "rise" | "fall" | "same";

/** How a phase went. */
export interface PhaseFigures {
  readonly change: Change;
  /** Calls at once that do most: what the service takes, or what is declared. */
  readonly right: number;
  /** Since the first call after a rise, or the end of the calls that were underway at a fall. Seconds; null: never. */
  readonly to80S: number | null;
  readonly allowedS: number;
  /** Calls a second, over those that the best fixed cap would do: in the whole phase, and from when the cap was right. */
  readonly share: number;
  readonly shareAfter: number | null;
  /** Right in time and at least 0.9 from then on; null: the phase was too short to say. */
  readonly ok: boolean | null;
}

export interface CourseFigures {
  readonly name: string | null;
  readonly seed: number;
  readonly declaredLimit: number;
  readonly phases: readonly PhaseFigures[];
  /** Calls over those that the declared limit alone would have done. */
  readonly toDeclared: number;
}

/** What so many calls at once do of the best throughput, in a steady state. */
function steadyShare(
  cap: number,
  { capacity, exponent }: Pick<Phase, "capacity" | "exponent">,
  limit: number,
): number {
  const rate = (n: number): number => n / Math.max(1, n / capacity) ** exponent;
  return rate(cap) / bestRate({ capacity, exponent }, limit);
}

/** Of whole numbers of calls, in calls of a quiet service. */
export function bestRate(
  { capacity, exponent }: Pick<Phase, "capacity" | "exponent">,
  limit: number,
): number {
  const rate = (n: number): number => n / Math.max(1, n / capacity) ** exponent;
  const below = Math.max(1, Math.min(limit, Math.floor(capacity)));
  const above = Math.min(limit, Math.ceil(capacity));
  // Where crowding costs less than it brings, more is better.
  return Math.max(rate(below), rate(above), exponent < 1 ? rate(limit) : 0);
}

/** Figures of a course that was played, beside the same under the declared limit alone. */
export function figuresOf(course: ForeignCourse, played: Played, fixed: Played): CourseFigures {
  const { name = null, seed, declaredLimit } = course;
  const done = ({ spans }: Played): number => spans.reduce((sum, span) => sum + span.done, 0);
  return {
    name,
    seed,
    declaredLimit,
    phases: course.phases.map((_, at) => phaseFigures(course, played, at)),
    toDeclared: round(done(played) / done(fixed), 3)!,
  };
}

function rightOf({ capacity }: { capacity: number }, limit: number): number {
  return Math.max(1, Math.min(limit, Math.floor(capacity)));
}

function phaseFigures(course: ForeignCourse, played: Played, at: number): PhaseFigures {
  const { phases, declaredLimit } = course;
  const phase = phases[at]!;
  const last = phases[at - 1];
  const right = rightOf(phase, declaredLimit);
  const before = last && rightOf({ capacity: last.toCapacity ?? last.capacity }, declaredLimit);
  const change: Change =
    before === undefined ? "start" : before < right ? "rise" : before > right ? "fall" : "same";
  const spans = played.spans.filter((span) => span.phase === at);
  const endS = spans.at(-1)!.toS;
  const originS =
    change === "fall" || change === "same" ? played.lastLeftS[at]! : played.firstBegunS[at]!;
  const allowedS = Math.max(ALLOWED.s, (ALLOWED.calls * phase.baseMs) / 1_000);
  const shared = {
    change,
    right,
    allowedS: round(allowedS, 1)!,
    share: shareOf(spans, phase, declaredLimit, spans[0]!.fromS)!,
  };
  if (originS === null) return { ...shared, to80S: null, shareAfter: null, ok: null };
  const reached = spans.find(
    (span) =>
      span.toS > originS &&
      steadyShare(span.cap, { ...phase, capacity: span.capacity }, declaredLimit) >= RIGHT,
  );
  if (reached === undefined) {
    const ok = endS - originS < allowedS ? null : false;
    return { ...shared, to80S: null, shareAfter: null, ok };
  }
  const reachedS = Math.max(originS, reached.fromS);
  const to80S = reachedS - originS;
  const shareAfter = shareOf(spans, phase, declaredLimit, reachedS);
  return {
    ...shared,
    to80S: round(to80S, 1),
    shareAfter,
    ok: shareAfter === null ? null : to80S <= allowedS && shareAfter >= KEPT,
  };
}

/** From a time on; null: nothing comes after it. */
function shareOf(
  spans: readonly Span[],
  phase: Phase,
  limit: number,
  fromS: number,
): number | null {
  let [done, best] = [0, 0];
  for (const span of spans) {
    const part = (span.toS - Math.max(span.fromS, fromS)) / (span.toS - span.fromS);
    if (part <= 0) continue;
    done += part * span.done;
    best +=
      (part *
        (span.toS - span.fromS) *
        bestRate({ ...phase, capacity: span.capacity }, limit) *
        1_000) /
      phase.baseMs;
  }
  return best === 0 ? null : round(done / best, 3);
}

import {
  age,
  chanceOf,
  firstBelief,
  foretell,
  kneeAt,
  learnStretch,
  quietMs,
  type KneeBelief,
} from "./knee-belief.ts";
import { NO_CALLS, plus, stretchOf, sumsOf, varianceOf, type Sums } from "./knee-calls.ts";
import { countCalls, measureChange, noteChange } from "./knee-changes.ts";
import { bestOf, lookBelow, lookFrom, triesOf } from "./knee-choice.ts";
import {
  freshState,
  readState,
  type Buffer,
  type KneeDecision,
  type KneeReason,
  type KneeState,
} from "./knee-state.ts";

export type { KneeDecision, KneeState } from "./knee-state.ts";

/** A call that ended well. Failed calls say nothing about how fast a service is. */
export interface KneeSample {
  /** Calls of the tool at once while this one was underway, itself included: mean over its time. */
  readonly concurrency: number;
  readonly latencyMs: number;
  /** When it ended. */
  readonly atMs: number;
  /** Whether the cap held something back at that time: as many ran as it allows, and more waited. */
  readonly bound: boolean;
}

export interface KneeOptions {
  /** Cap of a tool of which nothing is known. Default 6. */
  readonly startCap?: number;
  /** From here on there is no cap. Default 512. */
  readonly ceiling?: number;
}

const DEFAULTS = { startCap: 6, ceiling: 512 };
/** A quarter of what is declared is believed at first, up to here: what is crowded from the start tells least. */
const BELIEVED = 0.25;
const BELIEVED_MAX = 16;
/** The first stretch takes 16 calls, or two for each of its cap, and one and a half times what they take. */
const FIRST = { calls: 16, rounds: 2, latencies: 1.5 };
/**
 * Calls that began under a cap that was so different (logarithm) say less, with so much of that as a standard deviation;
 * when so many of the new ones could have ended one after another they say nothing any more.
 */
const MIXED = { from: 0.35, doubt: 0.2, latencies: 3 };
/** A stretch that is so far from what was foretold (standard deviations; logarithm) says that the service has changed. */
const BREAK = { deviations: 3.5, least: 0.2 };
/** Nothing has ended for so many times what a quiet call takes: that says something. */
const SILENCE = 2;
/** How far beyond what was seen the cap may grow at once. */
const GROWTH = 2;
/** A cap is moved for so much more of the best throughput, and by more than this part of it. */
const WORTH = 0.02;
const NEAR = 0.04;
/**
 * After so long, and so many calls one after another, it is time to look above again, and the later the more a look
 * costs: so much of the throughput, but for what is longer than that. One look in four is below; where no cap is all
 * are, a fifth as often.
 */
const LOOK_EVERY = { ms: 15_000, latencies: 4, cost: 0.06, longestMs: 900_000, below: 4, free: 5 };
/** A look lasts a pass at least, and so long at most. It is over when the knee is above it with this chance, or below it. */
const LOOK_LASTS = { leastMs: 2_500, ms: 15_000, latencies: 3 };
const SEEN = { above: 0.6, below: 0.25 };
/** The knee is visible when it lies with this chance below so many times what runs. */
const VISIBLE = { chance: 0.9, reach: 1.5 };
/** How often a cap that cannot be judged is doubled at most. Milliseconds. */
const BLIND_MS = 10_000;
/** What a 429 leaves that follows another one so soon, and how the cap grows back with each decision that wants it. */
const THROTTLE = { leaves: 0.7, grows: 1.1, pauseMs: 1_000, againMs: 60_000 };
/** Bounds of the variance of latencies; over how many calls it is learned, of few by how wrong was what was foretold. */
const VARIANCE = { least: 0.02 ** 2, most: 1.5 ** 2, calls: 60, fewest: 4 };

/** The cap that a tool begins with: a quarter of the concurrency that its catalogue declares. */
export function startCapOf(declared: number | undefined): number {
  if (declared === undefined) return DEFAULTS.startCap;
  return Math.min(BELIEVED_MAX, Math.ceil(BELIEVED * declared));
}

/** What a decision goes by beside what is believed. */
interface Seen {
  /** The cap held something back. */
  readonly bound: boolean;
  /** Calls that began under this cap were seen to end. */
  readonly isSure: boolean;
  readonly concurrency: number;
  readonly latencyMs: number;
  readonly atMs: number;
}

/**
 * Finds how many calls at once an external service takes before they only make each other slower, and
 * keeps a tool's cap there. Pure: no clock, no I/O. One for each tool with such a dependency.
 */
export class KneeControl {
  readonly #startCap: number;
  readonly #ceiling: number;
  readonly #state: KneeState;

  /** @param state What `toJSON` gave earlier, of this version or an older one. */
  constructor(options: KneeOptions = {}, state?: KneeState) {
    this.#startCap = options.startCap ?? DEFAULTS.startCap;
    this.#ceiling = options.ceiling ?? DEFAULTS.ceiling;
    this.#state = state === undefined ? freshState(this.#startCap) : readState(state);
  }

  /** What holds now. */
  get decision(): KneeDecision {
    const { cap, limit, reason } = this.#state;
    if (limit === null || (cap !== null && cap <= limit)) return { cap, reason };
    return { cap: limit, reason: "throttled" };
  }

  toJSON(): KneeState {
    return structuredClone(this.#state);
  }

  sample({ concurrency, latencyMs, atMs, bound }: KneeSample): void {
    if (!(concurrency >= 1) || !(latencyMs > 0) || !Number.isFinite(concurrency * latencyMs))
      return;
    const state = this.#state;
    const beganMs = atMs - latencyMs;
    const buffer = (state.buffer ??= {
      sinceMs: beganMs,
      bound: 0,
      mixed: NO_CALLS,
      clean: NO_CALLS,
      old: NO_CALLS,
    });
    const isMixed = beganMs < state.movedMs && Math.abs(state.movedBy) > MIXED.from;
    const kind = beganMs < state.brokenMs ? "old" : isMixed ? "mixed" : "clean";
    buffer[kind] = plus(buffer[kind], sumsOf(concurrency, latencyMs));
    buffer.bound += bound ? 1 : 0;
    state.endedMs = Math.max(state.endedMs, atMs);
  }

  /**
   * The service refused a call with 429. A lone one says nothing about how many calls at once it takes: it may count them
   * by the hour. Who says it again within a minute has too many: the cap falls to 70 %, once a second at most.
   */
  throttled(atMs: number): KneeDecision | null {
    const state = this.#state;
    const passedMs = state.throttledMs === null ? Infinity : Math.abs(atMs - state.throttledMs);
    if (passedMs < THROTTLE.pauseMs) return null;
    state.throttledMs = atMs;
    if (passedMs > THROTTLE.againMs) return null;
    const { buffer } = state;
    const recent =
      buffer === null ? this.#startCap : Math.exp(stretchOf(allOf(buffer)).logConcurrency);
    return this.#changed(atMs, () => {
      state.limit = Math.max(1, Math.floor((this.decision.cap ?? recent) * THROTTLE.leaves));
    });
  }

  /**
   * Whether the cap should change now; null when not, or when too few calls have ended to say.
   *
   * @param underway Calls that are underway; 0: nobody knows.
   */
  decide(atMs: number, underway = 0): KneeDecision | null {
    const state = this.#state;
    const { buffer } = state;
    measureChange(state, atMs);
    if (buffer === null) return this.#hearSilence(atMs, underway);
    if (!this.#isEnough(buffer, atMs)) return null;
    // Clocks may be put back.
    const passedMs = Math.max(1, atMs - state.learnedMs);
    Object.assign(state, {
      buffer: null,
      learnedMs: atMs,
      movedMs: Math.min(state.movedMs, atMs),
      lookedMs: Math.min(state.lookedMs, atMs),
      brokenMs: Math.min(state.brokenMs, atMs),
    });
    if (state.belief === null) {
      state.belief = firstBelief(stretchOf(allOf(buffer)), this.#startCap);
      state.lookedMs = atMs;
      return null;
    }
    const belief = this.#learn(state.belief, buffer, passedMs, atMs);
    state.belief = belief;
    const { calls, logConcurrency, logLatency } = stretchOf(allOf(buffer));
    const bound = buffer.bound * 2 >= calls;
    // Where the cap holds nothing back, what ends says nothing of it.
    if (bound) countCalls(state, calls, passedMs);
    return this.#changed(atMs, () => {
      this.#turn(belief, {
        bound,
        isSure: buffer.clean.calls > 0,
        concurrency: Math.exp(logConcurrency),
        latencyMs: Math.exp(logLatency),
        atMs,
      });
      if (state.limit === null) return;
      if (bound) state.limit = Math.ceil(state.limit * THROTTLE.grows);
      if (state.limit >= (state.cap ?? this.#ceiling)) state.limit = null;
    });
  }

  /** Takes in what ended; when that is far from what was foretold, the service has become another one meanwhile. */
  #learn(
    before: KneeBelief,
    { clean, mixed, old }: Buffer,
    passedMs: number,
    atMs: number,
  ): KneeBelief {
    const state = this.#state;
    const { variance } = state;
    let belief = age(before, passedMs);
    if (old.calls > 0) {
      const bound = state.brokenBy > 0 ? "least" : "most";
      belief = learnStretch(belief, { ...stretchOf(old), bound }, variance, passedMs);
    }
    const both = plus(clean, mixed);
    if (both.calls === 0) return belief;
    const isOver = atMs - state.movedMs > MIXED.latencies * Math.exp(stretchOf(both).logLatency);
    const used = clean.calls > 0 && isOver ? clean : both;
    const doubt = used.calls > clean.calls ? (MIXED.doubt * state.movedBy) ** 2 : 0;
    const stretch = { ...stretchOf(used), doubt };
    const foretold = foretell(before, stretch.logConcurrency);
    const by = stretch.logLatency - foretold.mean;
    const noise = foretold.variance + variance / used.calls + doubt;
    if (!isBreak(by, noise)) {
      this.#learnVariance(used, by ** 2 - foretold.variance);
      return learnStretch(belief, stretch, variance, passedMs);
    }
    Object.assign(state, { brokenMs: atMs, brokenBy: by });
    const bound = by > 0 ? "least" : "most";
    return learnStretch(belief, { ...stretch, bound, reach: Math.abs(by) }, variance, passedMs);
  }

  /**
   * What was called cannot be judged, as machines were full: a cap that is known stays. One that nothing is known of yet
   * goes where the catalogue declares it, or it would stay where it began for as long as machines are full.
   */
  blind(atMs: number, bound: boolean): KneeDecision | null {
    const state = this.#state;
    const { cap } = state;
    state.buffer = null;
    const isKnown = state.found || cap === null || this.#ceiling >= DEFAULTS.ceiling;
    if (isKnown || !bound || atMs - state.movedMs < BLIND_MS) return null;
    const to = Math.min(this.#ceiling, GROWTH * cap);
    return this.#changed(atMs, () => this.#move(to, "slow_start", atMs));
  }

  /** None of the calls that are underway has ended for so long: all of them take that long at least. */
  #hearSilence(atMs: number, underway: number): KneeDecision | null {
    const state = this.#state;
    const { belief, endedMs } = state;
    const forMs = atMs - endedMs;
    if (belief === null || underway < 1 || forMs < SILENCE * quietMs(belief)) return null;
    const stretch = {
      calls: underway,
      logConcurrency: Math.log(underway),
      logLatency: Math.log(forMs),
      bound: "least",
    } as const;
    const foretold = foretell(belief, stretch.logConcurrency);
    const by = stretch.logLatency - foretold.mean;
    if (by < 0 || !isBreak(by, foretold.variance + state.variance / underway)) return null;
    const passedMs = Math.max(1, atMs - state.learnedMs);
    state.learnedMs = atMs;
    if (state.brokenMs < endedMs) state.brokenBy = by;
    state.brokenMs = atMs;
    const after = learnStretch(age(belief, passedMs), stretch, state.variance, passedMs);
    state.belief = after;
    const seen = { bound: true, isSure: false, concurrency: underway, latencyMs: forMs, atMs };
    return this.#changed(atMs, () => this.#turn(after, seen));
  }

  #isEnough(buffer: Buffer, atMs: number): boolean {
    if (this.#state.belief !== null) return true;
    // Of calls that started together the short ones end first.
    const { calls, logLatency } = stretchOf(allOf(buffer));
    const least = Math.min(FIRST.calls, FIRST.rounds * this.#startCap);
    return calls >= least && atMs - buffer.sinceMs >= FIRST.latencies * Math.exp(logLatency);
  }

  #learnVariance(used: Sums, off: number): void {
    const state = this.#state;
    const isFew = used.calls < VARIANCE.fewest;
    const seen = isFew ? used.calls * off : varianceOf(used);
    const informative = isFew ? 1 : used.calls - 1;
    const part = informative / (informative + state.varied);
    state.varied = Math.min(VARIANCE.calls, state.varied + informative);
    const within = Math.min(VARIANCE.most, Math.max(VARIANCE.least, seen));
    state.variance += part * (within - state.variance);
  }

  #turn(belief: KneeBelief, seen: Seen): void {
    const state = this.#state;
    const { bound, isSure, concurrency, latencyMs, atMs } = seen;
    const now = state.cap ?? Math.max(1, Math.round(concurrency));
    const most = Math.min(this.#ceiling, Math.max(now, Math.ceil(GROWTH * concurrency - 1e-6)));
    const tries = triesOf(belief, most);
    const best = bestOf(tries);
    const own = tries.findLast(({ cap }) => cap <= now)!;
    const isVisible = kneeAt(belief, VISIBLE.chance) < VISIBLE.reach * Math.max(concurrency, now);
    state.found ||= isVisible;
    const settled: KneeReason = state.found ? "at_knee" : "slow_start";
    // A call under a cap that was just moved has not had the time to end.
    const isFresh = atMs - state.movedMs < latencyMs;
    const isLooking = state.lookMs !== null;
    if (isLooking && !this.#endLook(belief, now, best.cap, isFresh, seen)) return;
    const isNear = !isLooking && Math.abs(best.cap - now) <= NEAR * now;
    if (best.cap < now && best.share > own.share * (1 + WORTH) && !isNear) {
      if (!isLooking) state.looks = 0;
      this.#move(best.cap, settled, atMs);
      return;
    }
    if (!bound || !isSure || isFresh || state.limit !== null) return;
    const isMore = best.share > own.share * (1 + WORTH) || best.cap >= this.#ceiling;
    if (state.cap !== null && best.cap > now && isMore && !isNear)
      return this.#move(best.cap, state.found ? "look_above" : "slow_start", atMs);
    state.reason = settled;
    if (now >= this.#ceiling && state.cap !== null) return this.#move(now, settled, atMs);
    this.#look(belief, now, seen);
  }

  /** Whether a look has told enough, or is over. */
  #endLook(
    belief: KneeBelief,
    now: number,
    best: number,
    isFresh: boolean,
    { bound, latencyMs, atMs }: Seen,
  ): boolean {
    const state = this.#state;
    const chance = chanceOf(belief, now);
    const lastedMs = atMs - (state.lookMs ?? atMs);
    const isAbove = state.movedBy > 0;
    const isLong = lastedMs > Math.max(LOOK_LASTS.ms, LOOK_LASTS.latencies * latencyMs);
    if (isAbove ? chance < SEEN.above && chance > SEEN.below && !isLong : isFresh) return false;
    // Who has found more looks for more at once.
    const isFound = isAbove && best >= now && bound;
    Object.assign(state, { lookMs: null, lookedMs: isFound ? 0 : atMs });
    return true;
  }

  /** Tries another cap when it is time to see more. */
  #look(belief: KneeBelief, now: number, { concurrency, latencyMs, atMs }: Seen): void {
    const state = this.#state;
    const isFree = now >= this.#ceiling;
    if (isFree && now === 1) return;
    const sinceMs = atMs - state.lookedMs;
    const every = isFree && state.looks > 0 ? LOOK_EVERY.free : 1;
    if (sinceMs < every * Math.max(LOOK_EVERY.ms, LOOK_EVERY.latencies * latencyMs)) return;
    const isBelow = isFree || (state.looks % LOOK_EVERY.below === 0 && now > 1);
    const look = isBelow
      ? lookBelow(belief, now)
      : lookFrom(belief, now, state.variance, concurrency, this.#ceiling);
    const lastsMs = Math.max(LOOK_LASTS.leastMs, latencyMs * look.slowness);
    if (sinceMs < Math.min(LOOK_EVERY.longestMs, (lastsMs * look.cost) / LOOK_EVERY.cost)) return;
    state.lookMs = atMs;
    state.looks += 1;
    this.#move(look.cap, look.cap > now ? "look_above" : "look_below", atMs);
  }

  #move(to: number, reason: KneeReason, atMs: number): void {
    const state = this.#state;
    const from = state.cap ?? this.#ceiling;
    const isFree = to >= this.#ceiling && state.lookMs === null;
    Object.assign(state, {
      cap: isFree ? null : to,
      reason: isFree ? "no_knee" : reason,
      movedMs: atMs,
      movedBy: Math.log(to / from),
    });
  }

  #changed(atMs: number, change: () => void): KneeDecision | null {
    const state = this.#state;
    const before = this.decision;
    change();
    const after = this.decision;
    if (after.cap === before.cap) return null;
    noteChange(state, { atMs, from: before.cap, to: after.cap, reason: after.reason });
    return after;
  }
}

/** Whether a stretch is so far from what was foretold that the service must have changed. */
const isBreak = (by: number, noise: number): boolean =>
  Math.abs(by) > BREAK.least && by ** 2 > BREAK.deviations ** 2 * noise;

const allOf = ({ mixed, clean, old }: Buffer): Sums => plus(plus(mixed, clean), old);

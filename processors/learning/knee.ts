import {
  expectedShare,
  firstBelief,
  kneeAt,
  learnStretch,
  quietMs,
  type KneeBelief,
  type Stretch,
} from "./knee-belief.ts";
import { chooseCap, isNear } from "./knee-choice.ts";

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

/** Why a cap is what it is. */
type KneeReason =
  /** No knee seen yet; as long as more are wanted, the cap grows to twice what was seen. */
  | "slow_start"
  /** No knee seen up to the ceiling: no cap. */
  | "no_knee"
  /** Where most throughput is believed to be. */
  | "at_knee"
  /** Below that, or above: what is seen there tells more than it costs; or it has risen to nobody knows where. */
  | "look_below"
  | "look_above"
  /** The service said 429. */
  | "throttled";

export interface KneeDecision {
  /** Calls at once; null = no cap. */
  readonly cap: number | null;
  readonly reason: KneeReason;
}

export interface KneeOptions {
  /** Cap of a tool of which nothing is known. Default 6. */
  readonly startCap?: number;
  /** From here on there is no cap. Default 512. */
  readonly ceiling?: number;
}

/** Calls that ended since the last stretch. */
interface Buffer {
  sinceMs: number;
  calls: number;
  bound: number;
  concurrency: number;
  log: number;
  logSquares: number;
}

/** All that is known, as plain JSON. */
export interface KneeState {
  cap: number | null;
  reason: KneeReason;
  /** What 429s leave of the cap; it grows back. */
  limit: number | null;
  throttledMs: number | null;
  buffer: Buffer | null;
  /** Null before the first stretch. */
  belief: KneeBelief | null;
  /** Of the logarithm of one latency. */
  variance: number;
  /** A knee was visible at some time. */
  found: boolean;
  /** When the last stretch was learned from, and when the cap was moved last. */
  learnedMs: number;
  movedMs: number;
}

const DEFAULTS = { startCap: 6, ceiling: 512 };
/** What is declared is believed by half, up to here. */
const BELIEVED = 0.5;
const BELIEVED_MAX = 32;
/** A stretch takes 6 calls, or 30 s and 3; the first one 16, and one and a half times what they take. */
const CALLS = 6;
const FEWEST_CALLS = 3;
const LONGEST_MS = 30_000;
const FIRST = { calls: 16, latencies: 1.5 };
/** How far beyond what was seen the cap may grow at once, before a knee was ever found and after. */
const GROWTH = { first: 2, later: 1.5 };
/** Without a cap one is set when so much less than what runs is believed to be best, and to bring so much more. */
const UNCAPPED = { reach: 1.3, share: 0.9, gain: 1.03 };
/** The knee is visible when it lies with this chance below so many times what runs. */
const VISIBLE = { chance: 0.9, reach: 1.5 };
/** What a 429 leaves, and how the cap grows back with each decision that wants it. */
const THROTTLE = 0.7;
const THROTTLE_GROWTH = 1.1;
const THROTTLE_PAUSE_MS = 1_000;
/** Times vary at least by 20 %; by 30 % until they were seen to. How fast that is learned, and from how many calls. */
const LEAST_VARIANCE = 0.2 ** 2;
const FIRST_VARIANCE = 0.3 ** 2;
const VARIANCE = { rate: 0.1, calls: 5 };

/**
 * The cap that a tool begins with: half of the concurrency that its catalogue declares, as far as that is more than what
 * a tool without a word begins with.
 */
export function startCapOf(declared: number | undefined): number {
  const { startCap } = DEFAULTS;
  if (declared === undefined) return startCap;
  const half = Math.min(BELIEVED_MAX, Math.ceil(BELIEVED * declared));
  return Math.max(Math.min(startCap, declared), half);
}

/**
 * Finds how many calls at once an external service takes before they only make each other slower, and
 * keeps a tool's cap there. Pure: no clock, no I/O. One for each tool with such a dependency.
 */
export class KneeControl {
  readonly #startCap: number;
  readonly #ceiling: number;
  readonly #state: KneeState;

  /** @param state What `toJSON` gave earlier. Of what an older version kept only the cap is taken. */
  constructor(options: KneeOptions = {}, state?: KneeState) {
    this.#startCap = options.startCap ?? DEFAULTS.startCap;
    this.#ceiling = options.ceiling ?? DEFAULTS.ceiling;
    if (state === undefined) this.#state = fresh(this.#startCap);
    else this.#state = "belief" in state ? structuredClone(state) : fresh(state["cap"]);
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
    const log = Math.log(latencyMs);
    const buffer = (this.#state.buffer ??= {
      sinceMs: atMs - latencyMs,
      calls: 0,
      bound: 0,
      concurrency: 0,
      log: 0,
      logSquares: 0,
    });
    buffer.calls += 1;
    buffer.bound += bound ? 1 : 0;
    buffer.concurrency += concurrency;
    buffer.log += log;
    buffer.logSquares += log * log;
  }

  /** The service refused a call with 429: the cap falls to 70 %, once a second at most. */
  throttled(atMs: number): KneeDecision | null {
    const state = this.#state;
    if (state.throttledMs !== null && Math.abs(atMs - state.throttledMs) < THROTTLE_PAUSE_MS)
      return null;
    state.throttledMs = atMs;
    const { buffer } = state;
    const recent = buffer === null ? this.#startCap : buffer.concurrency / buffer.calls;
    return this.#changed(() => {
      state.limit = Math.max(1, Math.floor((this.decision.cap ?? recent) * THROTTLE));
    });
  }

  /** Whether the cap should change now; null when not, or when too few calls have ended to say. */
  decide(atMs: number): KneeDecision | null {
    const state = this.#state;
    const { buffer, learnedMs } = state;
    if (buffer === null || !isEnough(buffer, state.belief === null, atMs)) return null;
    const { calls } = buffer;
    const stretch = {
      calls,
      concurrency: buffer.concurrency / calls,
      logLatency: buffer.log / calls,
    };
    // Clocks may be put back.
    const passedMs = Math.max(1, atMs - learnedMs);
    Object.assign(state, {
      buffer: null,
      learnedMs: atMs,
      movedMs: Math.min(state.movedMs, atMs),
    });
    if (state.belief === null) {
      state.belief = firstBelief(stretch, this.#startCap);
      return null;
    }
    if (calls >= VARIANCE.calls) {
      const seen = (buffer.logSquares / calls - stretch.logLatency ** 2) * (calls / (calls - 1));
      state.variance += VARIANCE.rate * (Math.max(LEAST_VARIANCE, seen) - state.variance);
    }
    const belief = learnStretch(state.belief, stretch, state.variance, passedMs);
    state.belief = belief;
    const bound = buffer.bound * 2 >= calls;
    return this.#changed(() => {
      if (state.cap === null) this.#bound(belief, stretch);
      else this.#move(belief, stretch, bound, state.cap, atMs);
      if (state.limit === null) return;
      if (bound) state.limit = Math.ceil(state.limit * THROTTLE_GROWTH);
      if (state.limit >= (state.cap ?? this.#ceiling)) state.limit = null;
    });
  }

  /** Sets a cap where there was none, when fewer calls would do more. */
  #bound(belief: KneeBelief, { concurrency }: Stretch): void {
    const { best } = chooseCap(
      belief,
      Math.ceil(UNCAPPED.reach * concurrency),
      this.#state.variance,
    );
    const share = expectedShare(belief, Math.ceil(concurrency));
    if (best.cap >= UNCAPPED.share * concurrency || best.share < UNCAPPED.gain * share) return;
    Object.assign(this.#state, { cap: best.cap, reason: "at_knee", found: true });
  }

  #move(belief: KneeBelief, stretch: Stretch, bound: boolean, cap: number, atMs: number): void {
    const state = this.#state;
    const { concurrency, logLatency } = stretch;
    const growth = state.found ? GROWTH.later : GROWTH.first;
    const most = Math.max(cap + 1, Math.ceil(growth * concurrency));
    const { best, chosen } = chooseCap(belief, most, state.variance);
    const isVisible = kneeAt(belief, VISIBLE.chance) < VISIBLE.reach * Math.max(concurrency, cap);
    state.found ||= isVisible;
    if (chosen > cap) {
      // Nothing wants more; or calls under a cap that was just moved have not ended, or a limit of its own holds them back.
      if (!bound || atMs - state.movedMs < Math.exp(logLatency) || state.limit !== null) return;
      if (chosen >= this.#ceiling) {
        Object.assign(state, { cap: null, reason: "no_knee" });
        return;
      }
    }
    if (!state.found) state.reason = "slow_start";
    else state.reason = isVisible ? lookOf(chosen, best.cap) : "look_above";
    if (isNear(chosen, cap)) return;
    Object.assign(state, { cap: chosen, movedMs: atMs });
  }

  #changed(change: () => void): KneeDecision | null {
    const before = this.decision;
    change();
    const after = this.decision;
    return after.cap === before.cap ? null : after;
  }
}

/** From how many calls at once on a service is slower, and what a call takes below that; null: not seen yet. */
export function kneeOf({ belief, found }: Pick<KneeState, "belief" | "found">): {
  readonly knee: number | null;
  readonly quietMs: number | null;
} {
  if (belief === null) return { knee: null, quietMs: null };
  return { knee: found ? Math.round(kneeAt(belief, 0.5)) : null, quietMs: quietMs(belief) };
}

const fresh = (cap: number | null): KneeState => ({
  cap,
  reason: cap === null ? "no_knee" : "slow_start",
  limit: null,
  throttledMs: null,
  buffer: null,
  belief: null,
  variance: FIRST_VARIANCE,
  found: false,
  learnedMs: 0,
  movedMs: 0,
});

function isEnough({ calls, sinceMs, log }: Buffer, isFirst: boolean, atMs: number): boolean {
  if (calls < FEWEST_CALLS) return false;
  const lastedMs = atMs - sinceMs;
  // Of calls that started together the short ones end first.
  if (isFirst && lastedMs < FIRST.latencies * Math.exp(log / calls)) return false;
  return calls >= (isFirst ? FIRST.calls : CALLS) || lastedMs >= LONGEST_MS;
}

function lookOf(chosen: number, best: number): KneeReason {
  if (isNear(chosen, best)) return "at_knee";
  return chosen > best ? "look_above" : "look_below";
}

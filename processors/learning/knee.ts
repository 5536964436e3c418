import { type Fit, logInflation, type Stretch } from "./knee-fit.ts";
import {
  BELOW,
  type Buffer,
  fresh,
  type KneeReason,
  type KneeState,
  learn,
  SETTLED,
  TELLING,
} from "./knee-model.ts";

/** A call that ended well. Failed calls say nothing about how fast a service is. */
export interface KneeSample {
  /** Calls of the tool at once as this call saw them: mean of those at its start and at its end, itself included. */
  readonly concurrency: number;
  readonly latencyMs: number;
  /** When it ended. */
  readonly atMs: number;
  /** Whether the cap held something back at that time: as many ran as it allows, and more waited. */
  readonly bound: boolean;
}

export interface KneeDecision {
  /** Calls at once; null = no cap. */
  readonly cap: number | null;
  readonly reason: KneeReason;
}

export interface KneeOptions {
  /** Cap of a tool of which nothing is known. Default 6. */
  readonly startCap?: number;
  /** Up to here a knee is looked for by raising the cap; above there is no cap. Default 64. */
  readonly ceiling?: number;
}

/** How things stand at a decision. */
interface Now {
  readonly bound: boolean;
  /** Whether the stretch was not cut short by an alarm. */
  readonly isWhole: boolean;
  readonly drainMs: number;
}

const DEFAULTS = { startCap: 6, ceiling: 64 };
/** What is declared is believed by half, up to here. */
const BELIEVED = 0.5;
const BELIEVED_MAX = 32;
/** A decision takes 25 calls; or 30 s and 3; or 8 that are clearly slower than a quiet service. */
const CALLS = 25;
/** Until a knee is found: a slow start must not be slower than it has to. */
const START_CALLS = 16;
const LONGEST_MS = 30_000;
const FEWEST_CALLS = 3;
const ALARM_CALLS = 8;
const ALARM = Math.log(1.6);
/** Below this inflation the cap may grow while no knee is seen. */
const FAST = Math.log(1.4);
const GROWTH = 1.5;
/** At the knee the cap stands 10 % above it: 4 % of throughput for a knee that is watched all the time. */
const LEAN = 1.1;
/** Below this knee one call more is more than a little above: there only a look from time to time tells. */
const LEAST_LEANING = 5;
/** How often to look above the knee; more often where the cap cannot stand a little above it and much work waits. */
const LOOK_ABOVE_MS = 180_000;
const PRESSING = { drainMs: 20_000, everyMs: 90_000 };
const LOOK_ABOVE = 1.3;
/** How often to look below it when nothing was seen there: only there the quiet latency is seen. */
const LOOK_BELOW_MS = 180_000;
const LOOK_BELOW = 0.75;
/** A knee this near to the cap is not another one. */
const DEAD_ZONE = 0.12;
/** What a 429 leaves, and how the cap grows back with each decision that wants it. */
const THROTTLE = 0.7;
const THROTTLE_GROWTH = 1.1;
const THROTTLE_PAUSE_MS = 1_000;
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
  readonly #ceiling: number;
  readonly #state: KneeState;

  /** @param state What `toJSON` gave earlier. */
  constructor(options: KneeOptions = {}, state?: KneeState) {
    this.#ceiling = options.ceiling ?? DEFAULTS.ceiling;
    this.#state = state ?? fresh(options.startCap ?? DEFAULTS.startCap);
    if (state !== undefined) this.#state = structuredClone(state);
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
    if (state.throttledMs !== null && atMs - state.throttledMs < THROTTLE_PAUSE_MS) return null;
    state.throttledMs = atMs;
    const { buffer, history } = state;
    const recent =
      buffer === null ? history.at(-1)?.concurrency : buffer.concurrency / buffer.calls;
    const now = this.decision.cap ?? recent;
    if (now === undefined) return null;
    return this.#changed(() => {
      state.limit = Math.max(1, Math.floor(now * THROTTLE));
    });
  }

  /**
   * Whether the cap should change now; null when not, or when too few calls have ended to say.
   *
   * @param waiting.backlogDrainMs How long the work that waits will take at the present speed. Milliseconds.
   */
  decide(atMs: number, waiting: { readonly backlogDrainMs: number }): KneeDecision | null {
    const state = this.#state;
    const { buffer } = state;
    if (buffer === null || !this.#isEnough(buffer, atMs)) return null;
    const { calls } = buffer;
    const isWhole = calls >= CALLS || atMs - buffer.sinceMs >= LONGEST_MS;
    const drainMs = waiting.backlogDrainMs;
    state.buffer = null;
    state.decidedMs = atMs;
    const logLatency = buffer.log / calls;
    const stretch = { atMs, calls, concurrency: buffer.concurrency / calls, logLatency };
    const variance = Math.max(0, buffer.logSquares / calls - logLatency ** 2);
    if (!state.warm) {
      // Of calls that started together the short ones end first: the first stretch looks too fast.
      state.warm = true;
      return null;
    }
    const fit = learn(state, stretch, variance);
    const bound = buffer.bound * 2 >= calls;
    return this.#changed(() => {
      if (state.known) this.#stayAtKnee(fit, stretch, { bound, isWhole, drainMs });
      // Under a limit of its own the cap is not what holds calls back.
      else if (state.limit === null) this.#grow(fit, stretch, bound);
      if (state.limit === null) return;
      if (bound) state.limit = Math.ceil(state.limit * THROTTLE_GROWTH);
      if (state.limit >= (state.cap ?? this.#ceiling)) state.limit = null;
    });
  }

  #isEnough(buffer: Buffer, atMs: number): boolean {
    const { calls, sinceMs, log, concurrency } = buffer;
    // Calls that were under way at the last decision say nothing about what it did.
    if (atMs - this.#state.decidedMs < Math.exp(log / calls)) return false;
    if (calls >= (this.#state.found ? CALLS : START_CALLS)) return true;
    if (calls >= FEWEST_CALLS && atMs - sinceMs >= LONGEST_MS) return true;
    const { fit } = this.#state;
    if (calls < ALARM_CALLS || fit === null) return false;
    return log / calls > fit.logBase + logInflation(concurrency / calls, fit.knee) + ALARM;
  }

  #grow(fit: Fit, { concurrency, logLatency }: Stretch, bound: boolean): void {
    const state = this.#state;
    if (state.cap === null) state.reason = "no_knee";
    if (state.cap === null || !bound || logLatency - fit.logBase >= FAST) return;
    const next = Math.max(state.cap + 1, Math.ceil(GROWTH * concurrency));
    // Once there was a knee there may be one again.
    state.cap = next < this.#ceiling || state.found ? next : null;
    state.reason = state.cap === null ? "no_knee" : "slow_start";
  }

  #stayAtKnee(fit: Fit, stretch: Stretch, now: Now): void {
    const state = this.#state;
    const { knee } = fit;
    const { bound, drainMs, isWhole } = now;
    const reach = fit.visible ? Math.sqrt(knee * fit.highest) : knee;
    const lean = knee < LEAST_LEANING ? knee : Math.ceil(LEAN * knee);
    const hold = Math.max(lean, Math.floor(reach));
    const looked = state.reason === "look_above" && stretch.concurrency > TELLING * knee;
    const slower = stretch.logLatency - fit.logBase;
    if (bound && looked && slower < logInflation(stretch.concurrency, knee) / 2) {
      this.#set(above(state.cap ?? hold), "look_above");
      return;
    }
    const { look } = state;
    if (bound && look !== null && !look.isOver) {
      if (stretch.concurrency <= look.cap * SETTLED) look.cap = below(look.cap);
      this.#set(look.cap, "look_below");
      return;
    }
    state.look = null;
    const isUnseen = state.history.every(({ concurrency }) => concurrency > BELOW * knee);
    const sinceMs = stretch.atMs - (state.lookedBelowMs ?? -Infinity);
    // From a stretch in which the cap was kept, and that was not cut short by an alarm.
    const isSettled = isWhole && stretch.concurrency <= (state.cap ?? 0) * SETTLED;
    if (bound && knee > 1 && isUnseen && isSettled && sinceMs >= LOOK_BELOW_MS) {
      state.lookedBelowMs = stretch.atMs;
      state.look = { from: stretch, cap: below(knee), isOver: false };
      this.#set(state.look.cap, "look_below");
      return;
    }
    const isPressing = drainMs >= PRESSING.drainMs && knee < LEAST_LEANING;
    const everyMs = isPressing ? PRESSING.everyMs : LOOK_ABOVE_MS;
    state.lookedAboveMs ??= stretch.atMs;
    if (bound && stretch.atMs - state.lookedAboveMs >= everyMs) {
      state.lookedAboveMs = stretch.atMs;
      this.#set(above(hold), "look_above");
      return;
    }
    const { cap } = state;
    const isNear = cap !== null && Math.abs(hold - cap) <= Math.max(1, DEAD_ZONE * cap);
    const isTelling = cap !== null && (hold <= cap || cap > TELLING * knee);
    if (state.reason !== "at_knee" || !isNear || !isTelling) this.#set(hold, "at_knee");
  }

  #set(cap: number, reason: KneeReason): void {
    Object.assign(this.#state, { cap, reason });
  }

  #changed(change: () => void): KneeDecision | null {
    const before = this.decision;
    change();
    const after = this.decision;
    return after.cap === before.cap ? null : after;
  }
}

const below = (cap: number): number => Math.max(1, Math.floor(cap * LOOK_BELOW));
const above = (cap: number): number => Math.max(cap + 2, Math.round(cap * LOOK_ABOVE));

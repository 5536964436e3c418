import type { Gate } from "../../queues/index.ts";
import type { CallEnd, CallSum, EndedWell, Grant } from "../../queues/worker.ts";

/**
 * For so long after the gate was asked permits of a queue are handed on without asking it again, if it said that nobody else
 * waits for what they hold and nobody has begun to since: the script looks that takes the next job. Milliseconds.
 */
const SLICE_MS = 50;
/** One call asks the gate so long before a slice is over, for a busy Redis takes some time to answer. Milliseconds. */
const AHEAD_MS = 30;
/** How many calls end in a time is told by no shorter one. Milliseconds. */
const RATE_MS = SLICE_MS - AHEAD_MS;
/** Jobs that are put in fair order at once, at most: should calls take longer from now on, who is more urgent waits for so many. */
const MOST_ARRANGED = 64;
/** For fewer it is better to ask. */
const LEAST_ARRANGED = 8;
/** How calls ended whose permits were handed on is told this often. Milliseconds. */
const TELL_MS = 100;
/** Who holds a permit is told this often, unless it is for a shorter time. Milliseconds. */
const TELL_HOLDERS_MS = 500;

/** What this needs of the gate. */
type CallReports = Pick<Gate, "ended" | "handed">;

/** What becomes of the permit of a call that has ended: see {@link HandingOn.may}. */
export type Stay = "yes" | "no" | "asks";

/** The job that a permit was handed on to, as long as the gate takes another one for its holder. */
interface Holder {
  readonly job: string;
  /** Since when, of a monotonic clock. Milliseconds. */
  readonly atMs: number;
}

/** The gate is being asked; its answer is for all calls of the queue. */
interface Asking {
  readonly over: Promise<void>;
  readonly end: () => void;
}

interface OfQueue {
  /** Permits are handed on until then, of a monotonic clock. Milliseconds. */
  untilMs: number;
  /** How many more times. */
  left: number;
  /** What the gate said last lets permits be handed on. */
  isAlone: boolean;
  /** One call is asking the gate, so that the others need not. */
  asking: Asking | undefined;
  /** When the gate was asked last, and how many calls have ended since. */
  askedMs: number;
  ended: number;
  /** What is not told yet. */
  calls: EndedWell[];
  reported: Promise<CallSum | undefined>;
}

/**
 * Permits stay in their process from one call to the next of the same queue while nobody else waits for what they
 * hold: the gate counts the same before and after. It hears of those calls later, many at a time.
 */
export class HandingOn {
  readonly #gate: CallReports;
  readonly #machine: string;
  readonly #onReport: (telling: Promise<unknown>) => void;
  readonly #queues = new Map<string, OfQueue>();
  readonly #holders = new Map<string, Holder>();
  #timer: NodeJS.Timeout | undefined;
  /** When holders were told last, of a monotonic clock. Milliseconds. */
  #reportedMs = 0;

  /** `onTold` gets what is underway to the gate, and bears that it fails. */
  constructor(gate: CallReports, machine: string, onReport: (telling: Promise<unknown>) => void) {
    this.#gate = gate;
    this.#machine = machine;
    this.#onReport = onReport;
  }

  /**
   * Whether the permit of a call that has ended stays here for the next one. Before a slice is over one call `asks` the
   * gate for all, and the others go on; those that come too late for that wait for its answer, as they would for their
   * own. `no`: it asks for itself.
   */
  may(queue: string, { guardMs, take }: Grant, end: CallEnd): Stay | Promise<Stay> {
    const found = this.#of(queue);
    found.ended++;
    if (end.class !== "ok" && end.unused !== true) return "no";
    // One that takes of a rate is counted anew for each call, and what a job says for itself is its own.
    if (guardMs !== 0 || take !== null) return "no";
    if (found.asking === undefined) {
      const restMs = found.untilMs - performance.now();
      if (found.isAlone && restMs > AHEAD_MS && found.left > 1) return takeOne(found);
      found.asking = asking();
      return "asks";
    }
    const taken = takeOne(found);
    // Who has no place in the order waits for nobody: it gets one when it asks.
    const isLate = taken === "no" && found.isAlone && found.left > 0;
    return isLate ? found.asking.over.then(() => takeOne(found)) : taken;
  }

  /** A permit could not be handed on, as somebody has begun to wait: the gate is asked for it, and for all unless it is being asked. */
  refused(queue: string): Stay {
    const found = this.#of(queue);
    found.isAlone = false;
    if (found.asking !== undefined) return "no";
    found.asking = asking();
    return "asks";
  }

  /** The gate is about to be asked for all: how many jobs of a queue are to be put in fair order, as many as come in a slice. */
  wanted(queue: string): number {
    const found = this.#of(queue);
    const nowMs = performance.now();
    // Calls that began together end together: that says nothing of how many will in a longer time.
    const inSlice = (SLICE_MS * found.ended) / Math.max(RATE_MS, nowMs - found.askedMs);
    found.askedMs = nowMs;
    found.ended = 0;
    return inSlice < LEAST_ARRANGED ? 0 : Math.min(MOST_ARRANGED, Math.floor(inSlice));
  }

  /** The gate was asked for the place of a call that had ended; this is what it has just said. `isForAll`: as that call `asks`. */
  heard(queue: string, next: Grant | null, isForAll: boolean): void {
    const found = this.#of(queue);
    if (!isForAll) {
      // Somebody else had a better claim, or nobody comes next.
      found.isAlone &&= next !== null;
      return;
    }
    found.left = next?.handOns ?? 0;
    found.isAlone = found.left > 0;
    found.untilMs = performance.now() + SLICE_MS;
    found.asking?.end();
    found.asking = undefined;
  }

  /** A permit goes from a call that went well to the next. */
  ended(queue: string, permit: string, call: EndedWell): void {
    this.#holders.delete(permit);
    this.#of(queue).calls.push(call);
    this.#tellSoon();
  }

  /** The next call is that of this job. */
  holds(permit: string, job: string, atMs: number): void {
    this.#holders.set(permit, { job, atMs });
    this.#tellSoon();
  }

  /** A permit goes back to the gate. */
  over(permit: string): void {
    this.#holders.delete(permit);
  }

  /** No call follows in a queue: what is to be told of it is told now. */
  rests(queue: string): void {
    this.#tell(queue);
  }

  /** The gate has something to say that may concern every queue: it is asked by the next call. */
  ask(): void {
    for (const found of this.#queues.values()) found.isAlone = false;
  }

  /** Tells all that is to be told. */
  close(): void {
    clearTimeout(this.#timer);
    for (const queue of this.#queues.keys()) this.#tell(queue);
  }

  forget(queue: string): void {
    this.#tell(queue);
    this.#queues.delete(queue);
  }

  #of(queue: string): OfQueue {
    const known = this.#queues.get(queue);
    if (known !== undefined) return known;
    const found: OfQueue = {
      untilMs: 0,
      left: 0,
      isAlone: false,
      asking: undefined,
      askedMs: 0,
      ended: 0,
      calls: [],
      reported: Promise.resolve(undefined),
    };
    this.#queues.set(queue, found);
    return found;
  }

  #tellSoon(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const queue of this.#queues.keys()) this.#tell(queue);
      this.#tellHolders();
    }, TELL_MS);
    this.#timer.unref();
  }

  #tell(queue: string): void {
    const found = this.#queues.get(queue);
    if (found === undefined || found.calls.length === 0) return;
    const { calls, reported } = found;
    found.calls = [];
    found.reported = reported
      .catch(() => undefined)
      .then((before) => this.#gate.ended(queue, this.#machine, calls, before));
    this.#onReport(found.reported);
  }

  /** Why something waits names who holds what it waits for. */
  #tellHolders(): void {
    const nowMs = performance.now();
    if (nowMs >= this.#reportedMs + TELL_HOLDERS_MS) {
      this.#reportedMs = nowMs;
      for (const [permit, { job, atMs }] of this.#holders) {
        if (nowMs - atMs < TELL_HOLDERS_MS) continue;
        this.#holders.delete(permit);
        this.#onReport(this.#gate.handed(permit, job, nowMs - atMs));
      }
    }
    if (this.#holders.size > 0) this.#tellSoon();
  }
}

/** Uses one of the times that permits of a queue may be handed on; `no` when there is none, or the slice is over. */
function takeOne(found: OfQueue): Stay {
  if (!found.isAlone || found.left === 0 || found.untilMs <= performance.now()) return "no";
  found.left--;
  return "yes";
}

function asking(): Asking {
  let end = (): void => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { over, end };
}

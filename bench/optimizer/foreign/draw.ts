import { seeded } from "../../../src/optimizer/simulation/random.ts";
import type { ForeignCourse, Phase } from "./format.ts";

/** Calls a second that a service does at most: what a Redis and a gate can carry. */
const MOST_PER_S = 2_000;
/** How long a phase lasts: this, or so many times what a call takes of a quiet service. */
const PHASE = { s: 300, calls: 40 };
const BASE_MS = [20, 20_000] as const;
const JITTER = [0.02, 0.8] as const;
const EXPONENT = [1, 3] as const;
const LIMIT = [1, 512] as const;
/** What a service takes at first, over what is declared. */
const CAPACITY = [1 / 6, 2] as const;
const STEP = 8;
const PHASES = [3, 5] as const;
/** Capacities that drift, services whose calls take another time, and those that crowd in another way. */
const DRIFTS = 0.2;
const TURNS = 0.15;

/** A course by its seed: every kind of service, declaration and change that the learner is to stand. */
export function drawCourse(seed: number): ForeignCourse {
  const random = seeded(seed * 7_919 + 13);
  for (let n = 0; n < 5; n++) random();
  const between = ([low, high]: readonly [number, number]): number =>
    Math.exp(Math.log(low) + Math.log(high / low) * random());
  const declaredLimit = Math.round(between(LIMIT));
  let baseMs = between(BASE_MS);
  const jitter = between(JITTER);
  let exponent = EXPONENT[0] + (EXPONENT[1] - EXPONENT[0]) * random();
  const most = (): number => Math.max(1, Math.min(2 * LIMIT[1], (MOST_PER_S * baseMs) / 1_000));
  let capacity = Math.max(1, Math.round(Math.min(most(), declaredLimit * between(CAPACITY))));
  const count = PHASES[0] + Math.floor(random() * (PHASES[1] - PHASES[0] + 1));
  const phases: Phase[] = [];
  for (let n = 0; n < count; n++) {
    if (n > 0 && random() < TURNS) {
      baseMs = Math.min(BASE_MS[1], Math.max(BASE_MS[0], baseMs * between([0.4, 2.5])));
      exponent = EXPONENT[0] + (EXPONENT[1] - EXPONENT[0]) * random();
    }
    const next = nextCapacity(capacity, most(), declaredLimit, between);
    const drifts = random() < DRIFTS;
    const seconds = Math.round(Math.max(PHASE.s, (PHASE.calls * baseMs) / 1_000) * (1 + random()));
    phases.push({
      capacity,
      ...(drifts ? { toCapacity: next } : {}),
      exponent: Number(exponent.toFixed(2)),
      baseMs: Math.round(baseMs),
      jitter: Number(jitter.toFixed(3)),
      seconds,
    });
    capacity = next;
  }
  return { name: `drawn ${seed}`, declaredLimit, seed, phases };
}

/** Another capacity, up to eight times as many or as few; one that is far above what is declared falls. */
function nextCapacity(
  capacity: number,
  most: number,
  declaredLimit: number,
  between: (range: readonly [number, number]) => number,
): number {
  const factor = between([1, STEP]);
  const up = between([0.1, 10]) > 1;
  const isAbove = capacity >= 2 * declaredLimit;
  const isUp = (up || capacity / factor < 1) && !isAbove;
  return Math.max(
    1,
    Math.min(Math.round(most), Math.round(isUp ? capacity * factor : capacity / factor)),
  );
}

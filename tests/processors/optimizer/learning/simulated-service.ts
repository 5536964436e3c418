import { LEARN_INTERVAL_MS } from "../../../../processors/optimizer/learner.ts";
import type { KneeControl } from "../../../../processors/optimizer/learning/knee.ts";
import type { Chance } from "./chance.ts";

export interface ServicePhase {
  readonly fromS: number;
  /** Calls at once that the service takes without becoming slower; Infinity: any number. */
  readonly knee: number;
  /** Time of a call of a quiet service. Seconds. Default 2. */
  readonly serviceS?: number;
  /** Calls that arrive by second. Absent: there is always one more that waits. */
  readonly rate?: number;
}

export interface ServiceSetting {
  readonly phases: readonly ServicePhase[];
  readonly seconds: number;
  readonly chance: Chance;
  /** Throughput lost beyond the knee: calls take (n/knee)^(1+loss) as long. */
  readonly loss: number;
  /** Calls at once that anybody could make. */
  readonly callers: number;
  /** Decides the cap; a number is a fixed one. */
  readonly control: KneeControl | number;
  /** Spread of call times: standard deviation by mean. Default 0.5. */
  readonly variation?: number;
  /** More calls at once than this are refused with 429. */
  readonly refusedAbove?: number;
}

export interface ServiceCourse {
  /** When calls ended. Seconds. */
  readonly ends: readonly number[];
  readonly caps: readonly {
    readonly atS: number;
    readonly cap: number | null;
    readonly reason: string;
  }[];
}

/** As often as the learner decides. Seconds. */
const PASS_S = LEARN_INTERVAL_MS / 1_000;

interface Call {
  /** Work that the service has done for each caller when this call is done. */
  readonly doneAt: number;
  readonly startS: number;
  /** Seconds that calls took up to its start, those underway included. */
  readonly beganS: number;
}

/** A service with a knee and callers that keep to a cap; one event at a time, no clock. */
export function simulateService(setting: ServiceSetting): ServiceCourse {
  const { chance, phases, control } = setting;
  const ends: number[] = [];
  const caps: { atS: number; cap: number | null; reason: string }[] = [];
  let running: Call[] = [];
  let [atS, work, waiting, phase] = [0, 0, 0, phases[0]!];
  let [callS, passAtS] = [0, PASS_S];
  let nextArrival = phase.rate === undefined ? Infinity : chance.exponential(phase.rate);
  const capNow = () => (typeof control === "number" ? control : control.decision.cap);
  const slowness = () => {
    const load = running.length / phase.knee;
    return load > 1 ? load ** (1 + setting.loss) : 1;
  };
  const hasWork = () => phase.rate === undefined || waiting > 0;
  const fill = () => {
    const room = Math.min(setting.callers, capNow() ?? Infinity);
    while (running.length < room && hasWork()) {
      if (running.length >= (setting.refusedAbove ?? Infinity)) {
        if (typeof control !== "number") note(control.throttled(atS * 1_000));
        return;
      }
      waiting = Math.max(0, waiting - 1);
      const needs = chance.logNormal(phase.serviceS ?? 2, setting.variation ?? 0.5);
      running.push({ doneAt: work + needs, startS: atS, beganS: callS });
    }
  };
  const note = (decision: { cap: number | null; reason: string } | null) => {
    if (decision !== null) caps.push({ atS, ...decision });
  };
  fill();
  while (atS < setting.seconds) {
    const slow = slowness();
    let first: Call | undefined;
    for (const call of running) if (first === undefined || call.doneAt < first.doneAt) first = call;
    const nextEnd = first === undefined ? Infinity : atS + (first.doneAt - work) * slow;
    const nextPhase = phases.find(({ fromS }) => fromS > atS);
    const toS = Math.min(nextEnd, nextArrival, nextPhase?.fromS ?? Infinity, passAtS);
    work += (toS - atS) / slow;
    callS += running.length * (toS - atS);
    atS = toS;
    if (toS === nextPhase?.fromS) {
      phase = nextPhase;
      nextArrival = phase.rate === undefined ? Infinity : atS + chance.exponential(phase.rate);
    } else if (toS === passAtS) {
      passAtS += PASS_S;
      if (typeof control !== "number") note(control.decide(atS * 1_000));
    } else if (toS === nextArrival) {
      waiting += 1;
      nextArrival = atS + chance.exponential(phase.rate ?? 0);
    } else if (first !== undefined && toS === nextEnd) {
      const ended = first;
      const atEnd = running.length;
      running = running.filter((call) => call !== ended);
      ends.push(atS);
      if (typeof control !== "number") {
        const bound = hasWork() && atEnd >= (capNow() ?? Infinity);
        control.sample({
          concurrency: Math.max(1, (callS - ended.beganS) / (atS - ended.startS)),
          latencyMs: (atS - ended.startS) * 1_000,
          atMs: atS * 1_000,
          bound,
        });
      }
    }
    fill();
  }
  return { ends, caps };
}

/** Calls that ended by second, between two times. */
export function throughput({ ends }: ServiceCourse, fromS: number, toS: number): number {
  return ends.filter((endS) => endS > fromS && endS <= toS).length / (toS - fromS);
}

/** How often the cap turned from rising to falling or back, by minute, but for looks: they come and go. */
export function reversals({ caps }: ServiceCourse, fromS: number, toS: number): number {
  const between = caps.filter(
    ({ atS, reason }) => atS > fromS && atS <= toS && !reason.startsWith("look"),
  );
  const signs = between
    .slice(1)
    .map(({ cap }, at) => Math.sign((cap ?? 1_000) - (between[at]!.cap ?? 1_000)))
    .filter((sign) => sign !== 0);
  return (60 * signs.slice(1).filter((sign, at) => sign !== signs[at]).length) / (toS - fromS);
}

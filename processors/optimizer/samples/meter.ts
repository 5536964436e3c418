import { given } from "../../../config/index.ts";
import { Durations } from "../../../queues/index.ts";
import { type Reading, type ToolReading } from "../../../queues/worker.ts";

/** How a call ended, as it is counted. `none`: it says nothing about its tool. */
export type CallOutcome = "ok" | "failed" | "limited" | "none";

/** What was counted of one tool since the last word. */
class Count {
  came = 0;
  began = 0;
  ok = 0;
  failed = 0;
  limited = 0;
  checked = 0;
  repeated = 0;
  readonly service = Durations.empty();
  readonly wait = Durations.empty();
}

/** What one process does of the calls of each tool: how many, how long, how long they waited. */
export class Meter {
  #counts = new Map<string, Count>();
  /** When the calls that are underway began, by tool. Insertion order is age. */
  readonly #underway = new Map<string, Map<symbol, number>>();

  /** A job was taken from a queue of the tool. */
  came(tool: string): void {
    this.#of(tool).came++;
  }

  /** A call might have begun so long before it did. Milliseconds. */
  waited(tool: string, ms: number): void {
    this.#of(tool).wait.record(ms);
  }

  /** A call went well of which it is known whether it did before with the same input. */
  checked(tool: string, isRepeat: boolean): void {
    const count = this.#of(tool);
    count.checked++;
    if (isRepeat) count.repeated++;
  }

  /** A call begins. What is returned has to be called once, when it has ended. */
  begin(tool: string): (outcome: CallOutcome) => void {
    this.#of(tool).began++;
    const call = Symbol(tool);
    const fromMs = performance.now();
    const calls = this.#underway.get(tool) ?? new Map<symbol, number>();
    this.#underway.set(tool, calls.set(call, fromMs));
    return (outcome) => {
      if (!calls.delete(call)) return;
      if (calls.size === 0) this.#underway.delete(tool);
      if (outcome === "none") return;
      const count = this.#of(tool);
      count[outcome]++;
      // A failure may be over in no time, or after the whole timeout: it says nothing of how long calls take.
      if (outcome === "ok") count.service.record(performance.now() - fromMs);
    };
  }

  /** What happened since this was called last; null when nothing did and nothing is underway. */
  take(): Reading["tools"] | null {
    const counts = this.#counts;
    this.#counts = new Map();
    const names = new Set([...counts.keys(), ...this.#underway.keys()]);
    if (names.size === 0) return null;
    const nowMs = performance.now();
    return Object.fromEntries(
      [...names].map((tool) => [tool, this.#reading(tool, counts.get(tool), nowMs)]),
    );
  }

  #reading(tool: string, count: Count | undefined, nowMs: number): ToolReading {
    const calls = this.#underway.get(tool);
    const [oldest] = calls?.values() ?? [];
    const service = count?.service.encode();
    const wait = count?.wait.encode();
    return {
      came: count?.came ?? 0,
      began: count?.began ?? 0,
      ok: count?.ok ?? 0,
      failed: count?.failed ?? 0,
      limited: count?.limited ?? 0,
      active: calls?.size ?? 0,
      oldestMs: oldest === undefined ? 0 : Math.round(nowMs - oldest),
      ...(count === undefined || count.checked === 0
        ? {}
        : { checked: count.checked, repeated: count.repeated }),
      ...given({ service, wait }),
    };
  }

  #of(tool: string): Count {
    let count = this.#counts.get(tool);
    if (count === undefined) {
      count = new Count();
      this.#counts.set(tool, count);
    }
    return count;
  }
}

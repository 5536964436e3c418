/**
 * A reference interpreter of docs/semantics.md, written from that page and from nothing else. It replays
 * what was seen of a run: how each step may have ended, given how those before it did and when something
 * was stopped. It takes nothing but types from the product.
 *
 * Times are those of Redis, in whole milliseconds, so two things in one millisecond count as either way
 * round. Where nothing was stopped, times decide nothing.
 */
import { compensationsOf } from "./compensation.ts";
import { courseOf, type Course } from "./course.ts";
import { covers, stopsOf, type Stop } from "./policy.ts";
import { CONTRACT, type Rules } from "./rules.ts";
import { decidableFrom, decisionsOf, dependenciesFirst, itemsOf, type Decision } from "./start.ts";
import { statesOf } from "./states.ts";
import { itemKey, type Allowed, type Ending, type Seen, type Step, type Way } from "./words.ts";

/** A step of which nothing is known ended never. */
const NEVER: Ending = { outcome: "cancelled", attempts: 0, startedAt: null, finishedAt: Infinity };

const STOPPED = "its scope was stopped";

/** What stops mean for one step or item. */
interface Reach {
  /** Something may have stopped it before it ended. */
  readonly stoppable: boolean;
  /** It may have been decided before it was stopped. */
  readonly inTime: boolean;
}

class Interpreter {
  readonly #seen: Seen;
  readonly #rules: Rules;
  readonly #stops: readonly Stop[];
  readonly #ways = new Map<string, readonly Way[]>();
  readonly #known = new Map<string, Ending>();

  constructor(seen: Seen, rules: Rules) {
    this.#seen = seen;
    this.#rules = rules;
    this.#stops = stopsOf(seen, rules);
  }

  run(): Allowed {
    for (const step of dependenciesFirst(this.#seen.workflow)) {
      const ways = this.#waysOf(step);
      this.#ways.set(step.id, ways);
      this.#remember(step, ways);
    }
    const endingOf = (id: string) => this.#endingOf(id);
    return {
      ways: this.#ways,
      states: statesOf(this.#seen, this.#stops, endingOf, this.#rules),
      compensated: compensationsOf(this.#seen, this.#stops, this.#rules),
      stopped: this.#stops.length > 0,
    };
  }

  /** What the model knows stands; where it allows several ways, what was seen decides. */
  #remember(step: Step, ways: readonly Way[]): void {
    const seen = this.#seen.history.endings[step.id] ?? NEVER;
    const [only] = ways;
    const outcomes = new Set(ways.map(({ outcome }) => outcome));
    this.#known.set(
      step.id,
      outcomes.size === 1 && only !== undefined ? { ...seen, outcome: only.outcome } : seen,
    );
  }

  #endingOf(id: string): Ending {
    // In mode `sequential` the step before may stand behind in the order of dependencies.
    return this.#known.get(id) ?? this.#seen.history.endings[id] ?? NEVER;
  }

  #reach(step: Step, key: string): Reach {
    const ended = (this.#seen.history.endings[key] ?? NEVER).finishedAt;
    const from = decidableFrom(this.#seen, step, (id) => this.#endingOf(id), this.#rules);
    const stops = this.#stops.filter((stop) => covers(stop, step));
    return {
      stoppable: stops.some((stop) => stop.from <= ended || !this.#rules.endedBeforeStopStays),
      inTime: stops.every((stop) => from <= stop.until || !this.#rules.stopComesBeforeJoin),
    };
  }

  #waysOf(step: Step): Way[] {
    const reach = this.#reach(step, step.id);
    const decisions = decisionsOf(this.#seen, step, (id) => this.#endingOf(id), this.#rules);
    const ways = reach.inTime ? decisions.flatMap((decision) => this.#after(step, decision)) : [];
    if (!reach.stoppable) return ways;
    const runs = reach.inTime && decisions.some(({ kind }) => kind === "run");
    const most = runs && step.forEach === undefined ? this.#course(step, step.id).calls : 0;
    if (!runs) this.#cancelItems(step);
    // A forEach of which an item failed has failed, whatever became of the others.
    if (!this.#hasFailedItem(step) || !this.#rules.failedBeforeCancelled)
      ways.push({ outcome: "cancelled", calls: [0, most], why: STOPPED });
    return ways;
  }

  #hasFailedItem(step: Step): boolean {
    return Array.from({ length: itemsOf(step) ?? 0 }, (_, item) => itemKey(step.id, item)).some(
      (key) => this.#seen.history.endings[key]?.outcome === "failed",
    );
  }

  /** The items of a forEach that is never decided. */
  #cancelItems(step: Step): void {
    for (let item = 0; item < (itemsOf(step) ?? 0); item++)
      this.#ways.set(itemKey(step.id, item), [
        { outcome: "cancelled", calls: [0, 0], why: STOPPED },
      ]);
  }

  #course(step: Step, key: string): Course {
    const { script } = this.#seen;
    return courseOf(step, script[key] ?? [], this.#rules);
  }

  /** How a step ends after a decision, when nothing stops it. */
  #after(step: Step, decision: Decision): Way[] {
    const none = [0, 0] as const;
    switch (decision.kind) {
      case "join says no": {
        const names = decision.names === undefined ? {} : { names: decision.names };
        return [{ outcome: "skipped", calls: none, ...names, why: "its join says no" }];
      }
      case "when is false":
        return [{ outcome: "skipped", calls: none, why: "its when is false" }];
      case "not to be evaluated":
        return [{ outcome: "failed", calls: none, why: "an expression cannot be evaluated" }];
      case "precondition":
        return [
          { outcome: "failed", calls: none, code: "precondition_failed", why: "a precondition" },
        ];
      case "run":
        return step.forEach === undefined
          ? wayOf(this.#course(step, step.id))
          : this.#afterItems(step);
    }
  }

  /** Decides the items too. */
  #afterItems(step: Step): Way[] {
    const count = itemsOf(step) ?? 0;
    const outcomes = new Set<string>();
    for (let item = 0; item < count; item++) {
      const key = itemKey(step.id, item);
      const course = this.#course(step, key);
      const reach = this.#reach(step, key);
      const ways = reach.inTime ? wayOf(course) : [];
      if (reach.stoppable) {
        const most = reach.inTime ? course.calls : 0;
        ways.push({ outcome: "cancelled", calls: [0, most], why: STOPPED });
      }
      this.#ways.set(key, ways);
      const [first] = ways;
      const only = ways.length === 1 ? first?.outcome : undefined;
      outcomes.add(only ?? this.#seen.history.endings[key]?.outcome ?? "missing");
    }
    const none = [0, 0] as const;
    const { failedBeforeCancelled, itemFailureFailsStep, emptyForEachCompletes } = this.#rules;
    if (count === 0 && !emptyForEachCompletes)
      return [{ outcome: "skipped", calls: none, why: "no items" }];
    const failed = outcomes.has("failed") && itemFailureFailsStep;
    if (failed && (failedBeforeCancelled || !outcomes.has("cancelled")))
      return [{ outcome: "failed", calls: none, why: "an item failed" }];
    if (outcomes.has("cancelled"))
      return [{ outcome: "cancelled", calls: none, why: "items were cancelled, none failed" }];
    return [{ outcome: "completed", calls: none, why: "all items completed" }];
  }
}

function wayOf({ outcome, calls, attempts, code }: Course): Way[] {
  if (outcome === "endless") return [];
  const exactly = [calls, calls] as const;
  const error = code === undefined ? {} : { code };
  return [{ outcome, calls: exactly, attempts, ...error, why: "so its tool ended" }];
}

/** What the contract allows, given what was seen. `rules`: see rules.ts. */
export function interpret(seen: Seen, rules: Rules = CONTRACT): Allowed {
  return new Interpreter(seen, rules).run();
}

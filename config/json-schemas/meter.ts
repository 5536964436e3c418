import { MAX_PATTERN_MS, MAX_SCHEMA_STEPS } from "../defaults.ts";
import { LimitExceeded } from "../expressions/budget.ts";

/** Characters that count as one step when a format or a length is checked. */
const CHARS_PER_STEP = 16;
/** V8 lists the keys of an object that has more of them much more slowly. */
const MAX_QUICK_KEYS = 64;
const STEPS_PER_SLOW_KEY = 20;
/** Each instruction of a pattern may look at each character; so many of these looks count as one step. */
const LOOKS_PER_STEP = 8;

/** What it takes to compile one instruction of a pattern. */
const STEPS_PER_INSTRUCTION = 50;

/** Problems that a check keeps; each takes memory. */
const MAX_PROBLEMS = 100_000;

/** A value has so many problems that they are not all kept. */
export class TooManyProblems extends Error {
  override readonly name = "TooManyProblems";
}

/**
 * What the check that is going on may still do. There is one, because checks do not wait for anything: the
 * compiled code of all schemas counts here.
 */
class Meter {
  #steps = 0;
  #patternMs = 0;

  /** Gives the next check its budget. */
  start(maxSteps: number = MAX_SCHEMA_STEPS): void {
    this.#steps = maxSteps;
    this.#patternMs = MAX_PATTERN_MS;
  }

  /** @throws LimitExceeded */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new LimitExceeded("MAX_SCHEMA_STEPS", MAX_SCHEMA_STEPS, "steps");
  }

  spendText(chars: number): void {
    this.spend(1 + Math.floor(chars / CHARS_PER_STEP));
  }

  /** The work of compiling a pattern of so many instructions. */
  spendProgram(instructions: number): void {
    this.spend(instructions * STEPS_PER_INSTRUCTION);
  }

  spendPattern(instructions: number, chars: number): void {
    this.spend(1 + Math.floor((instructions * chars) / LOOKS_PER_STEP));
  }

  /** What one schema does to one value: as much as it says, and so much more for each key of an object. */
  visit(steps: number, perKey: number, value: unknown, problems: number): void {
    this.spend(steps);
    if (problems > MAX_PROBLEMS) throw new TooManyProblems();
    if (perKey > 0 && typeof value === "object" && value !== null && !Array.isArray(value)) {
      const keys = Object.keys(value).length;
      this.spend(keys * perKey * (keys > MAX_QUICK_KEYS ? STEPS_PER_SLOW_KEY : 1));
    }
    if (typeof value === "string" && value.length > CHARS_PER_STEP) this.spendText(value.length);
  }

  /** Milliseconds that patterns outside of the linear engine may still take. */
  get patternMs(): number {
    return this.#patternMs;
  }

  spendPatternMs(ms: number): void {
    this.#patternMs -= ms;
    if (this.#patternMs <= 0)
      throw new LimitExceeded("MAX_PATTERN_MS", MAX_PATTERN_MS, "ms in patterns that go back");
  }
}

export const meter = new Meter();

import { MAX_PATTERN_MS, MAX_SCHEMA_STEPS } from "../defaults.ts";
import { LimitExceeded } from "../expressions/budget.ts";

/** Characters that count as one step when a format or a length is checked. */
const CHARS_PER_STEP = 16;
/** V8 lists the keys of objects with more keys than this much more slowly. */
const MAX_QUICK_KEYS = 64;
const STEPS_PER_SLOW_KEY = 20;
/** Each instruction of a pattern may look at each character. This many looks count as one step. */
const LOOKS_PER_STEP = 8;

/** Steps to compile one instruction of a pattern. */
const STEPS_PER_INSTRUCTION = 50;

/** Problems that a check keeps; each takes memory. */
const MAX_PROBLEMS = 100_000;

/** A value has too many problems to keep. */
export class TooManyProblems extends Error {
  override readonly name = "TooManyProblems";
}

/**
 * The budget of the current check. There is only one, because checks never wait: the compiled code of all schemas
 * counts here.
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

  /** Counts the compilation of a pattern with this many instructions. */
  spendProgram(instructions: number): void {
    this.spend(instructions * STEPS_PER_INSTRUCTION);
  }

  spendPattern(instructions: number, chars: number): void {
    this.spend(1 + Math.floor((instructions * chars) / LOOKS_PER_STEP));
  }

  /** Counts the check of a value against one schema: its steps, plus those for each key of an object. */
  visit(steps: number, perKey: number, value: unknown, problems: number): void {
    this.spend(steps);
    if (problems > MAX_PROBLEMS) throw new TooManyProblems();
    if (perKey > 0 && typeof value === "object" && value !== null && !Array.isArray(value)) {
      const keys = Object.keys(value).length;
      this.spend(keys * perKey * (keys > MAX_QUICK_KEYS ? STEPS_PER_SLOW_KEY : 1));
    }
    if (typeof value === "string" && value.length > CHARS_PER_STEP) this.spendText(value.length);
  }

  /** Milliseconds left for patterns outside the linear engine. */
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

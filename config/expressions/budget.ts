import { MAX_EXPRESSION_BYTES, MAX_EXPRESSION_STEPS } from "../defaults.ts";

/** A limit was exceeded. The caller converts it to an error with a code. It never counts as a missing value. */
export class LimitExceeded extends Error {
  override readonly name = "LimitExceeded";
  readonly limit: string;
  readonly max: number;

  constructor(limit: string, max: number, unit: string) {
    super(`more than ${max} ${unit} (${limit})`);
    this.limit = limit;
    this.max = max;
  }
}

/** Characters that count as one step when a text is copied, compared or searched. */
const CHARS_PER_STEP = 64;
/** Values that count as one step when copied. */
const COPIES_PER_STEP = 2;
/** Values that count as one step when only measured. */
const MEASURED_PER_STEP = 16;

/**
 * The remaining budget of one template's expressions: steps, and bytes of their results. It counts work, not time, so
 * what is within the limits on one machine is within them on every machine.
 */
export class Budget {
  #steps: number;
  #bytes: number;
  readonly #measured = new WeakMap<object, number>();

  constructor(maxSteps: number = MAX_EXPRESSION_STEPS, maxBytes: number = MAX_EXPRESSION_BYTES) {
    this.#steps = maxSteps;
    this.#bytes = maxBytes;
  }

  /** @throws LimitExceeded */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0)
      throw new LimitExceeded("MAX_EXPRESSION_STEPS", MAX_EXPRESSION_STEPS, "steps");
  }

  /** Counts work on a text of this length. */
  spendText(chars: number): void {
    this.spend(1 + Math.floor(chars / CHARS_PER_STEP));
  }

  /** Counts copies of this many values. */
  spendCopies(count: number): void {
    this.spend(1 + Math.floor(count / COPIES_PER_STEP));
  }

  /** Counts the bytes of a result. */
  take(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes < 0)
      throw new LimitExceeded("MAX_EXPRESSION_BYTES", MAX_EXPRESSION_BYTES, "bytes of results");
  }

  /** Counts making a text or bytes of this length; refuses a length that nothing could hold. */
  checkLength(length: number): void {
    if (length > MAX_EXPRESSION_BYTES)
      throw new LimitExceeded("MAX_EXPRESSION_BYTES", MAX_EXPRESSION_BYTES, "bytes in one text");
    this.spendText(length);
  }

  /** Counts JSON that came from outside, each object once, however often it is written. */
  takeJson(value: unknown): void {
    if (typeof value !== "object" || value === null) this.take(sizeOfPlain(value));
    else {
      const known = this.#measured.get(value);
      const bytes = known ?? this.#measure(value);
      if (known === undefined) this.#measured.set(value, bytes);
      this.take(bytes);
    }
  }

  #measure(value: object): number {
    let bytes = 0;
    let values = 0;
    const open: unknown[] = [value];
    const count = (one: unknown): void => {
      if (typeof one === "object" && one !== null) open.push(one);
      else bytes += sizeOfPlain(one);
      if (++values % MEASURED_PER_STEP === 0) this.spend(1);
    };
    // A value that is too large is not walked to its end.
    while (open.length > 0 && bytes <= MAX_EXPRESSION_BYTES) {
      const one = open.pop();
      bytes += 2;
      if (Array.isArray(one)) {
        bytes += one.length;
        for (const item of one) count(item);
      } else if (typeof one === "object" && one !== null) {
        for (const [key, field] of Object.entries(one)) {
          bytes += key.length + 4;
          count(field);
        }
      }
    }
    return bytes;
  }
}

/** A lower bound. Whoever stores the result measures it exactly. */
function sizeOfPlain(value: unknown): number {
  return typeof value === "string" ? value.length + 2 : 1;
}

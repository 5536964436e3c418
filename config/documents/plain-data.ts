import { MAX_DOCUMENT_BYTES } from "../defaults.ts";
import { messageOf, type Issue } from "../errors.ts";
import { Turns } from "./turns.ts";

/** Deepest nesting of a value from outside. */
export const MAX_DATA_DEPTH = 100;

/** Keys that change an object's nature when somebody merges or assigns them. */
const DANGEROUS_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** The one key that inputs, outputs and events may not have. When assigned, it becomes the prototype of the copy. */
export const REFUSED_VALUE_KEYS: ReadonlySet<string> = new Set(["__proto__"]);

/** Members looked at between two looks at the clock. */
const MEMBERS_PER_LOOK = 4_096;

/** Nobody reads more problems than this. */
const MAX_ISSUES = 100;

type Path = readonly (string | number)[];

function kindOf(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (typeof value !== "object" || value === null) return typeof value;
  return `an instance of ${value.constructor?.name ?? "an unknown class"}`;
}

/** An object on the path from the root to the current member. */
interface Frame {
  readonly value: object;
  /** Keys of an object; a list has indexes. */
  readonly keys: readonly (string | symbol)[] | undefined;
  readonly length: number;
  /** The current member. */
  at: number;
}

/** One walk over one value. The size is that of its JSON, so shared parts count each time. */
class Walk {
  readonly issues: Issue[] = [];
  private bytes = 0;
  private readonly frames: Frame[] = [];
  private readonly ancestors = new Set<object>();
  private readonly maxBytes: number;
  private readonly refusedKeys: ReadonlySet<string>;

  constructor(maxBytes: number, refusedKeys: ReadonlySet<string>) {
    this.maxBytes = maxBytes;
    this.refusedKeys = refusedKeys;
  }

  visit(value: unknown): void {
    if (!this.going) return;
    if (typeof value === "string") this.grow(Buffer.byteLength(value) + 2);
    else if (value === null || typeof value === "boolean") this.grow(4);
    else if (typeof value === "number" && Number.isFinite(value)) this.grow(1);
    else if (typeof value === "object") this.enter(value);
    else this.refuse(`expected JSON data, got: ${kindOf(value)}`);
  }

  /** Looks at more members. Returns whether nothing is left. */
  advance(members: number): boolean {
    for (let left = members; left > 0; left--) {
      const frame = this.frames.at(-1);
      if (frame === undefined || !this.going) return true;
      frame.at++;
      if (frame.at >= frame.length) {
        this.ancestors.delete(frame.value);
        this.frames.pop();
      } else if (frame.keys === undefined) {
        this.visit(Reflect.get(frame.value, frame.at));
        this.grow(1);
      } else this.visitField(frame.value, frame.keys[frame.at]);
    }
    return false;
  }

  private enter(value: object): void {
    if (this.frames.length > MAX_DATA_DEPTH)
      return this.refuse(`expected at most ${MAX_DATA_DEPTH} levels of nesting, got: more`);
    if (this.ancestors.has(value)) return this.refuse("expected a tree, got: a cycle");
    this.grow(2);
    const isList = Array.isArray(value);
    const prototype: unknown = isList ? null : Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null)
      return this.refuse(`expected JSON data, got: ${kindOf(value)}`);
    const keys = isList ? undefined : Reflect.ownKeys(value);
    const length = isList ? value.length : (keys?.length ?? 0);
    this.ancestors.add(value);
    this.frames.push({ value, keys, length, at: -1 });
  }

  private visitField(value: object, key: string | symbol | undefined): void {
    if (typeof key !== "string") return this.refuse("expected JSON data, got: a symbol as key");
    this.grow(Buffer.byteLength(key) + 4);
    const field = Object.getOwnPropertyDescriptor(value, key);
    if (this.refusedKeys.has(key)) this.refuse(`the key "${key}" is not allowed`);
    else if (field !== undefined && !("value" in field))
      this.refuse("expected JSON data, got: a getter");
    else this.visit(field?.value);
  }

  private get going(): boolean {
    return this.issues.length < MAX_ISSUES && this.bytes <= this.maxBytes;
  }

  /** The current path. */
  private path(): Path {
    return this.frames.flatMap(({ keys, at }): (string | number)[] => {
      const key = keys === undefined ? at : keys[at];
      return at < 0 || key === undefined || typeof key === "symbol" ? [] : [key];
    });
  }

  private grow(bytes: number): void {
    const before = this.bytes;
    this.bytes += bytes;
    if (this.bytes > this.maxBytes && before <= this.maxBytes) {
      this.issues.push({
        code: "document_too_large",
        message: `expected at most ${this.maxBytes} bytes of JSON, got: more`,
        path: this.path(),
      });
    }
  }

  refuse(message: string): void {
    this.issues.push({ code: "document_invalid", message, path: this.path() });
  }
}

/** Begins or continues a walk. What a value that is not plain does is a problem of the value. */
function step(walk: Walk, work: () => boolean | void): boolean {
  try {
    return work() ?? false;
  } catch (thrown) {
    // Only a Proxy can do this.
    walk.refuse(`expected JSON data, got: an object that throws: ${messageOf(thrown)}`);
    return true;
  }
}

/**
 * Finds what keeps a value from being plain JSON data: classes, functions, `undefined`, numbers that JSON cannot hold,
 * getters, cycles, more than {@link MAX_DATA_DEPTH} levels, `refusedKeys` (`document_invalid`), or more than `maxBytes`
 * of JSON (`document_too_large`). Getters are not called. Never throws; stops after 100 problems.
 */
export function checkPlainData(
  value: unknown,
  maxBytes: number = MAX_DOCUMENT_BYTES,
  refusedKeys: ReadonlySet<string> = DANGEROUS_KEYS,
): Issue[] {
  const walk = new Walk(maxBytes, refusedKeys);
  step(walk, () => {
    walk.visit(value);
    walk.advance(Number.POSITIVE_INFINITY);
  });
  return walk.issues;
}

/** The same without blocking the event loop for a long value. Nobody may change the value meanwhile. */
export async function checkPlainDataInTurns(
  value: unknown,
  maxBytes: number,
  refusedKeys: ReadonlySet<string>,
): Promise<Issue[]> {
  const walk = new Walk(maxBytes, refusedKeys);
  const turns = new Turns();
  let done = step(walk, () => walk.visit(value));
  while (!done) {
    done = step(walk, () => walk.advance(MEMBERS_PER_LOOK));
    if (!done && turns.over) await turns.pause();
  }
  return walk.issues;
}

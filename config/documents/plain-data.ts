import { MAX_DOCUMENT_BYTES } from "../defaults.ts";
import { messageOf, type Issue } from "../errors.ts";

/** Deepest nesting of a value that comes from outside. */
export const MAX_DATA_DEPTH = 100;

/** Keys that change what an object is when somebody merges or assigns them. */
export const DANGEROUS_KEYS: ReadonlySet<string> = new Set([
  "__proto__",
  "constructor",
  "prototype",
]);

/** The one key that inputs, outputs and events may not have: assigned, it becomes the prototype of what is copied. */
export const REFUSED_VALUE_KEYS: ReadonlySet<string> = new Set(["__proto__"]);

/** After this many problems nobody reads on. */
const MAX_ISSUES = 100;

type Path = readonly (string | number)[];

function kindOf(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (typeof value !== "object" || value === null) return typeof value;
  return `an instance of ${value.constructor?.name ?? "an unknown class"}`;
}

/** One walk over one value. The size is what the value costs as JSON, so shared parts count each time. */
class Walk {
  readonly issues: Issue[] = [];
  private bytes = 0;
  private readonly ancestors = new Set<object>();
  private readonly maxBytes: number;
  private readonly refusedKeys: ReadonlySet<string>;

  constructor(maxBytes: number, refusedKeys: ReadonlySet<string>) {
    this.maxBytes = maxBytes;
    this.refusedKeys = refusedKeys;
  }

  visit(value: unknown, path: Path): void {
    if (this.issues.length >= MAX_ISSUES || this.bytes > this.maxBytes) return;
    if (typeof value === "string") this.grow(Buffer.byteLength(value) + 2, path);
    else if (value === null || typeof value === "boolean") this.grow(4, path);
    else if (typeof value === "number" && Number.isFinite(value)) this.grow(1, path);
    else if (typeof value === "object") this.visitObject(value, path);
    else this.refuse(`expected JSON data, got: ${kindOf(value)}`, path);
  }

  private visitObject(value: object, path: Path): void {
    if (path.length > MAX_DATA_DEPTH)
      return this.refuse(`expected at most ${MAX_DATA_DEPTH} levels of nesting, got: more`, path);
    if (this.ancestors.has(value)) return this.refuse("expected a tree, got: a cycle", path);
    this.grow(2, path);
    this.ancestors.add(value);
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length && this.going; index++) {
        this.visit(value[index], [...path, index]);
        this.grow(1, path);
      }
    } else this.visitFields(value, path);
    this.ancestors.delete(value);
  }

  private visitFields(value: object, path: Path): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null)
      return this.refuse(`expected JSON data, got: ${kindOf(value)}`, path);
    for (const key of Reflect.ownKeys(value)) {
      if (!this.going) return;
      if (typeof key === "symbol") {
        this.refuse("expected JSON data, got: a symbol as key", path);
        continue;
      }
      const at = [...path, key];
      this.grow(Buffer.byteLength(key) + 4, at);
      const field = Object.getOwnPropertyDescriptor(value, key);
      if (this.refusedKeys.has(key)) this.refuse(`the key "${key}" is not allowed`, at);
      else if (field !== undefined && !("value" in field))
        this.refuse("expected JSON data, got: a getter", at);
      else this.visit(field?.value, at);
    }
  }

  private get going(): boolean {
    return this.issues.length < MAX_ISSUES && this.bytes <= this.maxBytes;
  }

  private grow(bytes: number, path: Path): void {
    const before = this.bytes;
    this.bytes += bytes;
    if (this.bytes > this.maxBytes && before <= this.maxBytes) {
      this.issues.push({
        code: "document_too_large",
        message: `expected at most ${this.maxBytes} bytes of JSON, got: more`,
        path,
      });
    }
  }

  refuse(message: string, path: Path): void {
    this.issues.push({ code: "document_invalid", message, path });
  }
}

/**
 * What keeps a value from being plain JSON data: classes, functions, `undefined`, numbers that JSON
 * cannot hold, getters, cycles, more than {@link MAX_DATA_DEPTH} levels, `refusedKeys`
 * (`document_invalid`), or more than `maxBytes` when written out (`document_too_large`). Getters are
 * not called. Never throws; stops after 100 problems.
 */
export function checkPlainData(
  value: unknown,
  maxBytes: number = MAX_DOCUMENT_BYTES,
  refusedKeys: ReadonlySet<string> = DANGEROUS_KEYS,
): Issue[] {
  const walk = new Walk(maxBytes, refusedKeys);
  try {
    walk.visit(value, []);
  } catch (thrown) {
    // Only a Proxy can do this.
    walk.refuse(`expected JSON data, got: an object that throws: ${messageOf(thrown)}`, []);
  }
  return walk.issues;
}

import { placeName, shownValue } from "../../../config/index.ts";
import type { Located } from "../document/shape.ts";
import { rewritePlaceholders, stepField } from "./placeholders.ts";
import { meantWord, type Words } from "./words.ts";

export type Path = readonly (string | number)[];
export type Fields = Readonly<Record<string, unknown>>;

/** Longest time that Node's timers can hold. Whole seconds. */
const MAX_SECONDS = 2_147_483;
/** `retry.maxAttempts` counts the first call too and ends at 100. */
const MAX_RETRIES = 99;
/** All dependencies of a document. Phases wait for each other as wholes, so few words make many. */
const MAX_DEPENDENCIES = 500_000;
/** Longest step id. Characters. */
const MAX_ID_CHARS = 64;

/** A step on its way to the native document. */
export interface DraftStep {
  /** Where it stands in the original. */
  readonly at: Path;
  readonly words: Words;
  /** Its fields in native words; what the form does not understand is left to the native checks. */
  readonly fields: Fields;
  /** What its id is made of when it has none. */
  readonly label: string;
  /** Steps that must have ended before. */
  readonly needs: readonly DraftStep[];
  /** A step that must have completed, else this one is skipped without counting as failed. */
  readonly onlyAfter?: DraftStep;
}

/** What the form reads of a step beside the words that all forms share. */
export type StepExtras = Pick<DraftStep, "label" | "needs" | "onlyAfter"> & {
  readonly fields?: Fields;
};

/** The native document that a form is rewritten to, with what is wrong and where everything came from. */
export class Draft {
  readonly issues: Located[] = [];
  readonly steps: DraftStep[] = [];
  #dependencies = 0;

  /** An object with known words; undefined, and told, when it is something else. */
  read(value: unknown, at: Path, words: Words, more: readonly string[] = []): Fields | undefined {
    if (!isObject(value)) {
      this.refuse(at, `expected ${placeName(at)} to be an object, got: ${shownValue(value)}`);
      return undefined;
    }
    const known = [...Object.values(words), ...more];
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const suggestion = meantWord(key, words, known);
      const message = `unknown key ${shownValue(key)} in ${placeName(at)}`;
      this.refuse([...at, key], message, { at: "key", ...(suggestion && { suggestion }) });
    }
    return value;
  }

  /** A list of at least one; undefined, and told, when it is none. */
  list(value: unknown, at: Path): readonly unknown[] | undefined {
    if (Array.isArray(value) && value.length > 0) return value;
    const wanted = "a list with at least one item";
    this.refuse(
      at,
      value === undefined
        ? `expected ${placeName(at)} to be given (${wanted})`
        : `expected ${placeName(at)} to be ${wanted}, got: ${shownValue(value)}`,
    );
    return undefined;
  }

  /** Whether a given value is as expected; told when it is not. */
  expect(good: boolean, value: unknown, at: Path, expected: string): boolean {
    if (!good && value !== undefined)
      this.refuse(at, `expected ${placeName(at)} to be ${expected}, got: ${shownValue(value)}`);
    return good;
  }

  /** Adds a step whose words are `words`, in the order in which the native document shows them. */
  add(from: Fields, at: Path, words: Words, extras: StepExtras): DraftStep {
    const given = (native: string): unknown => {
      const word = words[native];
      return word !== undefined && Object.hasOwn(from, word) ? from[word] : undefined;
    };
    const toolAt = [...at, words["tool"] ?? "tool"];
    if (given("tool") === undefined && extras.fields?.["tool"] === undefined)
      this.refuse(toolAt, `expected ${placeName(toolAt)} to be given (a string)`, { at: "key" });
    const timeoutMs = this.#seconds(given("timeoutMs"), [...at, words["timeoutMs"] ?? ""]);
    const retry = this.#retries(given("retry"), [...at, words["retry"] ?? ""]);
    const step: DraftStep = {
      at,
      words,
      label: extras.label,
      needs: extras.needs,
      ...(extras.onlyAfter && { onlyAfter: extras.onlyAfter }),
      fields: {
        ...pick(given, ["id", "name", "tool", "with", "preconditions", "postconditions"]),
        ...(retry === undefined ? {} : { retry }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...pick(given, ["optional"]),
        ...extras.fields,
      },
    };
    this.#dependencies += step.needs.length;
    if (
      this.#dependencies > MAX_DEPENDENCIES &&
      this.#dependencies - step.needs.length <= MAX_DEPENDENCIES
    )
      this.refuse(at, `expected at most ${MAX_DEPENDENCIES} dependencies, got: more`, {
        code: "document_too_large",
      });
    this.steps.push(step);
    return step;
  }

  /** The steps in native words: ids given to those without, dependencies by id, placeholders as expressions. */
  nativeSteps(): Fields[] {
    const ids = this.#ids();
    const idOf = (step: DraftStep) => ids.get(step) ?? "";
    const known = this.stepIds(ids);
    if (this.issues.some((issue) => issue.code === "document_too_large")) return [];
    return this.steps.map((step) => {
      const { id: _, name: title, tool, with: input, ...rest } = step.fields;
      const word = step.words["with"] ?? "with";
      const needs = [...new Set(step.needs.map(idOf))];
      const after = step.onlyAfter && stepField(idOf(step.onlyAfter), "state");
      return {
        id: step.fields["id"] ?? ids.get(step),
        ...(title === undefined ? {} : { name: title }),
        ...(tool === undefined ? {} : { tool }),
        ...(input === undefined ? {} : { with: this.rewrite(input, [...step.at, word], known) }),
        ...(needs.length === 0 ? {} : { needs }),
        ...(after === undefined ? {} : { when: `\${{ ${after} == "completed" }}` }),
        ...rest,
      };
    });
  }

  /** The ids that placeholders may name. */
  stepIds(ids: ReadonlyMap<DraftStep, string> = this.#ids()): ReadonlySet<string> {
    return new Set(ids.values());
  }

  /** A value with its placeholders rewritten; those that mean nothing are told and stay. */
  rewrite(value: unknown, at: Path, ids: ReadonlySet<string>, isCondition = false): unknown {
    if (typeof value === "string") {
      const rewritten = rewritePlaceholders(value, ids, isCondition);
      if ("text" in rewritten) return rewritten.text;
      const { message, suggestion } = rewritten;
      this.refuse(at, `${placeName(at)}: ${message}`, {
        code: "expression_invalid",
        ...(suggestion && { suggestion }),
      });
      return value;
    }
    if (Array.isArray(value))
      return value.map((one, index) => this.rewrite(one, [...at, index], ids));
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, this.rewrite(one, [...at, key], ids)]),
    );
  }

  refuse(
    path: Path,
    message: string,
    more: Partial<Pick<Located, "code" | "at" | "suggestion">> = {},
  ): void {
    this.issues.push({ code: "document_invalid", at: "value", path, message, ...more });
  }

  #seconds(value: unknown, at: Path): number | undefined {
    const good = typeof value === "number" && value > 0 && value <= MAX_SECONDS;
    const expected = `a number of seconds above 0 and at most ${MAX_SECONDS}`;
    return this.expect(good, value, at, expected) ? Math.ceil(Number(value) * 1_000) : undefined;
  }

  #retries(value: unknown, at: Path): object | undefined {
    const good = Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_RETRIES;
    const expected = `a whole number from 0 to ${MAX_RETRIES}`;
    return this.expect(good, value, at, expected) ? { maxAttempts: Number(value) + 1 } : undefined;
  }

  /** Given ids as they are; the others from their labels, `_2`, `_3`, ... where one is taken. */
  #ids(): ReadonlyMap<DraftStep, string> {
    const ids = new Map<DraftStep, string>();
    // `constructor` and the like are refused as step ids.
    const taken = new Set(Object.getOwnPropertyNames(Object.prototype));
    for (const step of this.steps) {
      const id = step.fields["id"];
      if (typeof id !== "string") continue;
      ids.set(step, id);
      taken.add(id);
    }
    const counts = new Map<string, number>();
    for (const step of this.steps) {
      if (ids.has(step) || step.fields["id"] !== undefined) continue;
      const base = asId(step.label);
      let id = base;
      let count = counts.get(base) ?? 1;
      while (taken.has(id)) {
        const suffix = `_${++count}`;
        id = `${base.slice(0, MAX_ID_CHARS - suffix.length)}${suffix}`;
      }
      counts.set(base, count);
      taken.add(id);
      ids.set(step, id);
    }
    return ids;
  }
}

/** Text as an id that CEL can read after a dot, such as `Define the API` -> `Define_the_API`. */
export function asId(text: string): string {
  const words = text.replaceAll(/[^A-Za-z0-9_]+/g, "_").replaceAll(/^_|_$/g, "");
  return (words === "" ? "step" : words).slice(0, MAX_ID_CHARS);
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pick(given: (native: string) => unknown, keys: readonly string[]): Fields {
  const fields: Record<string, unknown> = {};
  for (const key of keys) {
    const value = given(key);
    if (value !== undefined) fields[key] = value;
  }
  return fields;
}

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import {
  isTuttiError,
  mapJson,
  TuttiError,
  Turns,
  ValidationError,
  type Json,
} from "../../../config/index.ts";
import { spellingsOf } from "./secret-forms.ts";

/** Gives the value of a secret, or throws TuttiError `secret_missing`. */
export type SecretSource = (name: string) => string;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Secrets from the environment variable `TUTTI_SECRET_<NAME>`, else from the file `<dir>/<NAME>`
 * without its last line break. Files are read at each use, so they can be exchanged while workers run.
 */
export function secretSource(from: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dir?: string | undefined;
}): SecretSource {
  return (name) => {
    const missing = (reason: string) =>
      new TuttiError("secret_missing", `the secret ${name} ${reason}`, {
        details: { secret: name },
      });
    // The name becomes part of a path.
    if (!NAME.test(name)) throw missing("has no valid name");
    const value = from.env[`TUTTI_SECRET_${name}`];
    if (value !== undefined) return value;
    const path = from.dir === undefined ? undefined : join(from.dir, name);
    if (path === undefined || !existsSync(path))
      throw missing(`is neither TUTTI_SECRET_${name} nor a file of the secrets folder`);
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  };
}

function plain(value: unknown): Json {
  const copy: Json = JSON.parse(JSON.stringify(value ?? null));
  return copy;
}

/** A parser's message quotes a piece of what it read, which may be a piece of a secret. */
function withoutQuote(thrown: TuttiError): string {
  let { message } = thrown;
  for (let one: unknown = thrown.cause; one instanceof Error; one = one.cause)
    if (one instanceof SyntaxError)
      message = message.replace(
        one.message,
        () => "it is not valid (secrets were used, so no more is said)",
      );
  return message;
}

interface Form {
  /** In lower case, unless only the very secret counts. */
  readonly text: string;
  readonly anyCase: boolean;
  readonly replacement: string;
}

const escaped = (text: string): string => text.replaceAll(/[$()*+./?[\\\]^{|}]/g, String.raw`\$&`);

/** Replaces secrets that were used by `[secret NAME]`, in the spellings that tools usually give them back in. */
export class Redactor {
  private readonly forms = new Map<string, Form>();
  /** The longest first: one secret may be part of another. */
  private sorted: readonly Form[] | undefined;

  get used(): boolean {
    return this.forms.size > 0;
  }

  /** A source that remembers what it gave away. */
  watch(source: SecretSource): SecretSource {
    return (name) => {
      const value = source(name);
      this.add(name, value);
      return value;
    };
  }

  add(name: string, value: string): void {
    if (value === "" || this.forms.has(`=${value}`)) return;
    const replacement = `[secret ${name}]`;
    this.forms.set(`=${value}`, { text: value, anyCase: false, replacement });
    for (const text of spellingsOf(value))
      this.forms.set(`~${text}`, { text, anyCase: true, replacement });
    this.sorted = undefined;
  }

  text(text: string): string {
    const work = this.redacted(text);
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
    }
  }

  /** The same for a text that may be long, one spelling at a time: others may run between two. */
  private async longText(text: string): Promise<string> {
    const turns = new Turns();
    const work = this.redacted(text);
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
      if (turns.over) await turns.pause();
    }
  }

  private *redacted(text: string): Generator<undefined, string, undefined> {
    this.sorted ??= [...this.forms.values()].toSorted((a, b) => b.text.length - a.text.length);
    let clean = text;
    let lower = text.toLowerCase();
    for (const { text: form, anyCase, replacement } of this.sorted) {
      yield;
      if (!(anyCase ? lower : clean).includes(form)) continue;
      clean = anyCase
        ? clean.replaceAll(new RegExp(escaped(form), "giu"), () => replacement)
        : clean.replaceAll(form, () => replacement);
      lower = clean.toLowerCase();
    }
    return clean;
  }

  /** {@link value} without holding the event loop for a long value. */
  async wholeValue(value: Json): Promise<Json> {
    if (!this.used) return value;
    return mapJson(value, {
      part: (part) => this.value(part),
      text: (text) => this.longText(text),
      key: (key) => this.text(key),
    });
  }

  /** The same for every text and key in a value. */
  value(value: Json): Json {
    if (!this.used) return value;
    if (typeof value === "string") return this.text(value);
    // A secret of digits may have become a number on its way.
    if (typeof value === "number" && this.text(String(value)) !== String(value))
      return this.text(String(value));
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map((one: Json) => this.value(one));
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [this.text(key), this.value(one)]),
    );
  }

  /** An error that can be stored and shown. Its cause is dropped when secrets were used: it may hold them. */
  error(thrown: unknown): unknown {
    if (!this.used || !isTuttiError(thrown)) return thrown;
    if (thrown instanceof ValidationError) {
      return new ValidationError(
        thrown.issues.map(({ suggestion, ...issue }) => ({
          ...issue,
          message: this.text(issue.message),
          path: issue.path.map((part) => (typeof part === "string" ? this.text(part) : part)),
          ...(suggestion === undefined ? {} : { suggestion: this.text(suggestion) }),
        })),
      );
    }
    const details = Object.entries(thrown.details).map(
      ([key, one]) => [key, this.value(plain(one))] as const,
    );
    return new TuttiError(thrown.code, this.text(withoutQuote(thrown)), {
      details: Object.fromEntries(details),
    });
  }
}

import type { Json, JsonObject } from "../../../config/index.ts";
import { wholeNumber } from "./values.ts";

/** A word that a command takes: an argument (`<run-id>`, `[step]`, `<file...>`) or an option (`--limit <count>`). */
export interface Word<T> {
  readonly form: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  /** An option that has to be given. */
  readonly isNeeded?: true;
  /** An option that may be repeated. */
  readonly isMany?: true;
  readonly initial?: T;
  /** @throws TuttiError `request_invalid`, which says what was expected. */
  readonly parse?: (text: string) => T;
}

/** The words of a command, each under the name that its value has afterwards. */
export type Words = Readonly<Record<string, Word<unknown>>>;

/** What was given for the words of a command. */
export type Given<W extends Words> = {
  readonly [Name in keyof W]: W[Name] extends Word<infer T> ? T : never;
};

/** What a form takes is there for sure only when it is an argument in angle brackets. */
type Present<Form extends string, T> = Form extends `<${string}>` ? T : T | undefined;

/** A text. */
export function word<Form extends string>(
  form: Form,
  summary = "",
): Word<Present<Form, Form extends `<${string}...>` ? readonly string[] : string>> {
  return { form, summary };
}

/** What a function makes of the text. */
export function parsed<Form extends string, T>(
  form: Form,
  summary: string,
  parse: (text: string) => T,
): Word<Present<Form, T>> {
  return { form, summary, parse };
}

/** A whole number above 0. */
export function whole<Form extends string>(
  form: Form,
  summary: string,
): Word<Present<Form, number>> {
  return parsed(form, summary, wholeNumber);
}

/** One of a few words. */
export function choice<Form extends string, C extends string>(
  form: Form,
  summary: string,
  choices: readonly C[],
): Word<Present<Form, C>> {
  return { form, summary, choices };
}

/** An option that may be repeated. */
export function many(form: string, summary: string): Word<readonly string[]> {
  return { form, summary, isMany: true, initial: [] };
}

/** An option that is given or not. */
export function flag(form: string, summary: string): Word<boolean | undefined> {
  return { form, summary };
}

/** The same option, which has to be given. */
export function needed<T>(option: Word<T>): Word<Exclude<T, undefined>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- commander refuses to go on without it
  return { ...option, isNeeded: true } as Word<Exclude<T, undefined>>;
}

/** The same word, with what it is when it is not given. */
export function otherwise<T>(
  given: Word<T>,
  initial: Exclude<T, undefined>,
): Word<Exclude<T, undefined>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is never undefined now
  return { ...given, initial } as Word<Exclude<T, undefined>>;
}

/** The options that make up an input, of what. */
export const inputWords = (of: string, adjective = "") => ({
  input: many("--input <key=value|@file>", `${adjective}input of ${of}; may be repeated`),
  inputJson: word("--input-json <json>", `${adjective}input of ${of} as JSON`),
});

/** What was given for them: `key=value` or `@file`, each as often as needed, and JSON. */
export interface GivenInput {
  readonly input: readonly string[];
  readonly inputJson?: string | undefined;
}

/** What the words of a command are read with. */
export interface Terminal {
  /** The user of this machine. */
  readonly actor: string;
  /** @throws TuttiError `request_invalid`. */
  readonly readInput: (given: GivenInput) => Promise<JsonObject>;
  /** `@file`, or JSON, or else text. */
  readonly readValue: (text: string) => Promise<Json>;
  /** Inputs of steps, each as `step=<JSON object>` or `step=@file`. */
  readonly readEdits: (given: readonly string[]) => Promise<Record<string, JsonObject>>;
}

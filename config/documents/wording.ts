/** How messages name places and values, and what a zod schema expects there. */

export type Path = readonly (string | number)[];

/** A path as people write it: `steps[2].with.path`. `whole`: the name of everything. */
export function placeName(path: Path, whole = "the document"): string {
  if (path.length === 0) return whole;
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${clip(part)}`,
    )
    .join("");
}

/** A value as short as a message needs it. */
export function shownValue(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** A name that somebody else chose, as short as a message needs it. */
export const clip = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

/** The value at a path; undefined if there is none. */
export function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, part)?.value;
  }
  return value;
}

/** What zod says of a problem, as far as the wording needs it. */
export interface ZodProblem {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  readonly expected?: string;
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly inclusive?: boolean;
  readonly origin?: string;
  readonly format?: string;
  readonly options?: readonly unknown[];
}

/** What zod expected, in the words of our messages: behind `expected NAME to be`. */
export function expectation(issue: ZodProblem): string {
  if (issue.code === "invalid_type" && issue.expected !== undefined) return article(issue.expected);
  if (issue.code === "invalid_value")
    return (issue.values ?? []).map((value) => JSON.stringify(value)).join(" or ");
  if (issue.code === "too_small")
    return `${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}${unitOf(issue.origin)}`;
  if (issue.code === "too_big")
    return `${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}${unitOf(issue.origin)}`;
  return issue.message.replace(
    /^(Invalid input: expected |Too small: expected |Too big: expected |Invalid string: |expected )/,
    "",
  );
}

/** What a limit counts. */
function unitOf(origin: string | undefined): string {
  if (origin === "string") return " characters long";
  return origin === "array" ? " items long" : "";
}

const NOUNS: Readonly<Record<string, string>> = {
  array: "a list",
  object: "an object",
  record: "an object",
  int: "a whole number",
};

const article = (noun: string): string =>
  NOUNS[noun] ?? (/^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`);

import { nearest, type Issue } from "../../../config/index.ts";
import { PLANNED, stepSchema, workflowSchema, type Workflow } from "./schema.ts";

/** A problem and the place in the document it is about: the name of a field, or its value. */
export interface Located extends Issue {
  readonly at: "key" | "value";
}

type Path = readonly (string | number)[];

const WORKFLOW_KEYS = Object.keys(workflowSchema.shape);
const STEP_KEYS = Object.keys(stepSchema.shape);
const RETRY_KEYS = ["maxAttempts", "backoff", "baseDelayMs", "maxDelayMs", "jitter"];

/** Checks the shape of a document: fields, types, ranges. */
export function checkShape(data: unknown): { workflow: Workflow } | { issues: Located[] } {
  const parsed = workflowSchema.safeParse(data, { reportInput: true });
  if (parsed.success) return { workflow: parsed.data };
  return { issues: parsed.error.issues.flatMap((issue) => describe(issue, data)) };
}

interface ZodIssue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  readonly expected?: string;
  readonly input?: unknown;
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly origin?: string;
}

function describe(issue: ZodIssue, data: unknown): Located[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys")
    return (issue.keys ?? []).map((key) => unknownKey(path, key));
  const given = valueAt(data, path);
  if (issue.code === "invalid_value" && typeof given === "string") {
    const options = (issue.values ?? []).map(String);
    return [wrong(path, `one of ${options.join(", ")}`, given, nearest(given, options))];
  }
  if (given === undefined) {
    return [
      {
        code: "document_invalid",
        at: "key",
        path,
        message: `expected ${name(path)} to be given (${expectation(issue)})`,
      },
    ];
  }
  return [wrong(path, expectation(issue), given)];
}

/** What has a place of its own outside the document. */
const INSTEAD: Readonly<Record<string, string>> = {
  schedule:
    "a schedule is not part of a workflow: add the workflow, then use `tutti schedules add`",
  triggers: "triggers are not part of a workflow: add the workflow, then use `tutti triggers add`",
};

function unknownKey(path: Path, key: string): Located {
  const inStep = path[0] === "steps" && path.length === 2;
  const at = { at: "key", path: [...path, key] } as const;
  if ((inStep ? PLANNED.stepKeys : PLANNED.workflowKeys).has(key)) {
    return {
      ...at,
      code: "not_supported",
      message: INSTEAD[key] ?? `${name(at.path)} is planned and not supported yet`,
    };
  }
  const known = inStep ? STEP_KEYS : path.at(-1) === "retry" ? RETRY_KEYS : WORKFLOW_KEYS;
  const suggestion = nearest(key, known);
  return {
    ...at,
    code: "document_invalid",
    message: `unknown key "${clip(key)}" in ${name(path)}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

function wrong(path: Path, expected: string, given: unknown, suggestion?: string): Located {
  return {
    code: "document_invalid",
    at: "value",
    path,
    message: `expected ${name(path)} to be ${expected}, got: ${show(given)}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

/** Zod's message without its own opening words, which differ from ours. */
function expectation(issue: ZodIssue): string {
  if (issue.code === "invalid_type" && issue.expected !== undefined) return article(issue.expected);
  if (issue.code === "invalid_value")
    return (issue.values ?? []).map((value) => JSON.stringify(value)).join(" or ");
  if (issue.code === "too_small") return `at least ${issue.minimum}${unitOf(issue.origin)}`;
  if (issue.code === "too_big") return `at most ${issue.maximum}${unitOf(issue.origin)}`;
  return issue.message.replace(
    /^(Invalid input: expected |Too small: expected |Too big: expected |Invalid string: )/,
    "",
  );
}

/** What a limit counts. */
function unitOf(origin: string | undefined): string {
  if (origin === "string") return " characters long";
  return origin === "array" ? " items long" : "";
}

const article = (noun: string): string => (/^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`);

/** A path as people write it: `steps[2].with.path`. */
export function name(path: Path): string {
  if (path.length === 0) return "the document";
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${clip(part)}`,
    )
    .join("");
}

/** A value as short as a message needs it. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

const clip = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, part)?.value;
  }
  return value;
}

import {
  clip,
  expectation,
  nearest,
  placeName,
  shownValue,
  valueAt,
  type Issue,
  type ZodProblem,
} from "../../../config/index.ts";
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

function describe(issue: ZodProblem, data: unknown): Located[] {
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
        message: `expected ${placeName(path)} to be given (${expectation(issue)})`,
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
      message: INSTEAD[key] ?? `${placeName(at.path)} is planned and not supported yet`,
    };
  }
  const known = inStep ? STEP_KEYS : path.at(-1) === "retry" ? RETRY_KEYS : WORKFLOW_KEYS;
  const suggestion = nearest(key, known);
  return {
    ...at,
    code: "document_invalid",
    message: `unknown key "${clip(key)}" in ${placeName(path)}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

function wrong(path: Path, expected: string, given: unknown, suggestion?: string): Located {
  return {
    code: "document_invalid",
    at: "value",
    path,
    message: `expected ${placeName(path)} to be ${expected}, got: ${shownValue(given)}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

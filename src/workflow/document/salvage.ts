import { workflowSchema, type Workflow } from "./schema.ts";
import type { Located } from "./shape.ts";

/**
 * What is left of a document when everything that has the wrong shape is taken out, so that its meaning
 * can be checked all the same and every problem be told at once. Null when too little is left.
 */
export function salvage(data: unknown, issues: readonly Located[]): Workflow | null {
  const rest: unknown = structuredClone(data);
  for (const { path } of issues) repair(rest, path);
  const parsed = workflowSchema.safeParse(rest);
  return parsed.success ? parsed.data : null;
}

/** Whether a problem of meaning follows from a place whose shape was wrong, and only repeats it. */
export function isEcho({ code, path }: Located, shape: readonly Located[]): boolean {
  // A step whose id could not be read may be the one that others look for.
  if (code === "unknown_step" && shape.some((issue) => issue.path.at(-1) === "id")) return true;
  return shape.some((issue) => startsWith(path, issue.path));
}

/** Whether a problem of the native document only repeats one that the original's form has already. */
export function isEchoOfForm({ code, path }: Located, form: readonly Located[]): boolean {
  return form.some(
    (issue) =>
      startsWith(path, issue.path) ||
      // A list is too short when the form could read none of its items.
      (code === "document_invalid" && path.length === 1 && startsWith(issue.path, path)),
  );
}

const startsWith = (path: Located["path"], start: Located["path"]): boolean =>
  start.every((part, index) => path[index] === part);

function repair(data: unknown, path: Located["path"]): void {
  const [first, step, field] = path;
  if (first === "steps" && typeof step === "number" && path.length === 3 && field === "id") {
    put(data, path, `unreadable-${step}`);
  } else if (
    first === "steps" &&
    typeof step === "number" &&
    path.length === 3 &&
    field === "tool"
  ) {
    put(data, path, "unreadable");
  } else if (path.length === 1 && first === "id") {
    put(data, path, "unreadable");
  } else if (path.length === 1 && first === "tutti") {
    put(data, path, 1);
  } else {
    take(data, path);
  }
}

function parentOf(data: unknown, path: Located["path"]): object | undefined {
  let value = data;
  for (const part of path.slice(0, -1)) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, part)?.value;
  }
  return typeof value === "object" && value !== null ? value : undefined;
}

function put(data: unknown, path: Located["path"], value: unknown): void {
  const parent = parentOf(data, path);
  if (parent !== undefined) Reflect.set(parent, path.at(-1)!, value);
}

function take(data: unknown, path: Located["path"]): void {
  const parent = parentOf(data, path);
  if (parent !== undefined && !Array.isArray(parent)) Reflect.deleteProperty(parent, path.at(-1)!);
  // Taking an element out would move those behind it; without its list nothing is said of them twice.
  else if (parent !== undefined && path.length > 2) take(data, path.slice(0, -1));
}

import * as z from "zod";

import { type Issue, ValidationError } from "../../../config/index.ts";

const nonEmpty = z.string().min(1);
const seconds = z.number().min(0);
const names = z.array(nonEmpty).default([]);

/** WfFormat 1.5 and 1.6: what was to be done apart from what was. Everything else is ignored. */
const divided = z.object({
  specification: z.object({
    tasks: z.array(z.object({ id: nonEmpty, parents: names, children: names })).min(1),
  }),
  execution: z.object({ tasks: z.array(z.object({ id: nonEmpty, runtimeInSeconds: seconds })) }),
});

/** A task of WfFormat 1.2 to 1.4, which others name by its name; `runtime` became `runtimeInSeconds` in 1.4. */
const flatTask = z.object({
  name: nonEmpty,
  id: nonEmpty.optional(),
  parents: names,
  children: names,
  runtime: seconds.optional(),
  runtimeInSeconds: seconds.optional(),
});
const flatTasks = z.array(flatTask).min(1);
/** 1.2, where tasks are called jobs; 1.3 and 1.4. */
const jobs = z.object({ jobs: flatTasks });
const tasks = z.object({ tasks: flatTasks });

/** What every version has. */
export const named = z.object({ name: nonEmpty, workflow: z.record(z.string(), z.unknown()) });

/** A task of any version. */
export interface Task {
  /** What it is called in the file; of tasks with the same name, with its id. */
  readonly id: string;
  readonly parents: readonly string[];
  readonly children: readonly string[];
  /** Null: the file, which has to, does not say. */
  readonly seconds: number | null;
}

/** The tasks of a file, and where they stand in it. */
export interface Recorded {
  readonly tasks: readonly Task[];
  readonly at: readonly string[];
}

/** @throws ValidationError `document_invalid` with every problem of the shape. */
export function shaped<T>(schema: z.ZodType<T>, value: unknown, at: readonly string[]): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ValidationError(
    parsed.error.issues.map((issue) =>
      invalid([...at, ...issue.path.map(pathPart)], issue.message),
    ),
  );
}

const AT = ["workflow"] as const;

/** Reads the tasks in the form that they have: files say more of that than the version they claim. */
export function recordedIn(
  workflow: Readonly<Record<string, unknown>>,
): Recorded & { readonly issues: readonly Issue[] } {
  if ("specification" in workflow) {
    const { specification, execution } = shaped(divided, workflow, AT);
    const runtimes = new Map(execution.tasks.map((task) => [task.id, task.runtimeInSeconds]));
    return {
      at: [...AT, "specification", "tasks"],
      tasks: specification.tasks.map((task) => ({
        ...task,
        seconds: runtimes.get(task.id) ?? null,
      })),
      issues: [],
    };
  }
  if ("jobs" in workflow) return flattened(shaped(jobs, workflow, AT).jobs, [...AT, "jobs"]);
  if ("tasks" in workflow) return flattened(shaped(tasks, workflow, AT).tasks, [...AT, "tasks"]);
  throw new ValidationError([
    invalid(
      AT,
      "expected specification and execution (WfFormat 1.5 and later), tasks (1.3 and 1.4) or jobs (1.2), got: none of them",
    ),
  ]);
}

/** Tasks that name each other by their names, or by their ids where several have one name. */
function flattened(
  list: z.output<typeof flatTasks>,
  at: readonly string[],
): ReturnType<typeof recordedIn> {
  const count = new Map<string, number>();
  for (const { name } of list) count.set(name, (count.get(name) ?? 0) + 1);
  const keyOf = ({ name, id }: z.output<typeof flatTask>): string =>
    count.get(name) === 1 || id === undefined ? name : `${name}_${id}`;
  const known = new Map<string, string>();
  for (const task of list) if (task.id !== undefined) known.set(task.id, keyOf(task));
  // A name goes before an id that is written like it.
  for (const task of list) if (count.get(task.name) === 1) known.set(task.name, keyOf(task));
  const issues: Issue[] = [];
  const resolved = (
    index: number,
    field: "parents" | "children",
    references: readonly string[],
  ): string[] =>
    references.map((reference, position) => {
      if (!known.has(reference) && (count.get(reference) ?? 0) > 1)
        issues.push(
          invalid(
            [...at, index, field, position],
            `expected one task, got: ${reference}, which is the name of several`,
          ),
        );
      return known.get(reference) ?? reference;
    });
  const read = list.map((task, index) => ({
    id: keyOf(task),
    parents: resolved(index, "parents", task.parents),
    children: resolved(index, "children", task.children),
    // These versions do not ask for it.
    seconds: task.runtimeInSeconds ?? task.runtime ?? 0,
  }));
  return { at, tasks: read, issues };
}

export function invalid(path: readonly (string | number)[], message: string): Issue {
  return { code: "document_invalid", path, message };
}

function pathPart(part: PropertyKey): string | number {
  return typeof part === "symbol" ? String(part) : part;
}

import { z } from "zod";

import {
  type Issue,
  RUN_TIMEOUT_MS,
  STEP_TIMEOUT_MS,
  ValidationError,
} from "../../config/index.ts";

/** Longest step id that is produced. Characters. */
const MAX_ID_CHARS = 64;
/** Longest name that a document may have. Characters. */
const MAX_NAME_CHARS = 500;
/** Timers of JavaScript end here. Milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;
/** What a step may take beyond its sleep before it counts as timed out. Milliseconds. */
const SLACK_MS = 60_000;

const nonEmpty = z.string().min(1);

/** The parts of WfCommons WfFormat 1.5 that are read; everything else is ignored. */
const wfFormat = z.object({
  name: z.string().min(1),
  workflow: z.object({
    specification: z.object({
      tasks: z
        .array(
          z.object({
            id: nonEmpty,
            parents: z.array(nonEmpty).default([]),
            children: z.array(nonEmpty).default([]),
          }),
        )
        .min(1),
    }),
    execution: z.object({
      tasks: z.array(z.object({ id: nonEmpty, runtimeInSeconds: z.number().min(0) })),
    }),
  }),
});

type Specified = z.output<typeof wfFormat>["workflow"]["specification"]["tasks"];

/** A workflow document as it is written to a file: each step sleeps as long as its task once ran. */
export interface ImportedWorkflow {
  readonly tutti: 1;
  readonly id: string;
  readonly name: string;
  readonly timeoutMs: number;
  readonly steps: readonly {
    readonly id: string;
    /** The id of the task, as recorded. */
    readonly name: string;
    readonly tool: "core.sleep";
    readonly needs?: readonly string[];
    readonly with: { readonly ms: number };
    readonly timeoutMs?: number;
  }[];
}

/**
 * Turns a recorded execution (WfCommons WfFormat 1.5) into a workflow of `core.sleep` steps with the
 * recorded runtimes times `scale` (default 1) and the recorded dependencies.
 *
 * Characters outside [A-Za-z0-9_-] of a task's id become `_`; ids are cut to 64 characters and stay
 * unique (`_2`, `_3`, ...); the recorded id is the step's name.
 *
 * @throws ValidationError `document_invalid` with every problem: shape, ids that are given twice or
 * are not known, tasks without a runtime, cycles.
 */
export function fromWfCommons(
  document: unknown,
  options: { readonly scale?: number } = {},
): ImportedWorkflow {
  const parsed = wfFormat.safeParse(document);
  if (!parsed.success) {
    throw new ValidationError(
      parsed.error.issues.map((issue) => invalid(issue.path.map(pathPart), issue.message)),
    );
  }
  const { name, workflow } = parsed.data;
  const tasks = workflow.specification.tasks;
  const runtimes = new Map(
    workflow.execution.tasks.map((task) => [task.id, task.runtimeInSeconds]),
  );
  const parents = parentsOf(tasks);
  const issues = [
    ...duplicates(tasks),
    ...dangling(tasks),
    ...tasks.flatMap((task, index) =>
      runtimes.has(task.id)
        ? []
        : [
            invalid(
              [...TASKS, index],
              `expected a runtime of ${task.id} in execution.tasks, got: none`,
            ),
          ],
    ),
  ];
  const cycle = cycleIn(parents);
  if (cycle !== undefined) issues.push(invalid([...TASKS], `cycle: ${cycle.join(" -> ")}`));
  if (issues.length > 0) throw new ValidationError(issues);

  const stepIds = stepIdsOf(tasks.map((task) => task.id));
  const scale = options.scale ?? 1;
  const steps = tasks.map((task) =>
    sleepStep({
      id: stepIds.get(task.id) ?? task.id,
      name: task.id,
      needs: [...(parents.get(task.id) ?? [])].map((id) => stepIds.get(id) ?? id),
      ms: Math.round((runtimes.get(task.id) ?? 0) * 1000 * scale),
    }),
  );
  const totalMs = steps.reduce((sum, step) => sum + step.with.ms, 0);
  return {
    tutti: 1,
    id: cleanId(name),
    name: name.slice(0, MAX_NAME_CHARS),
    // One machine with one slot needs the total; twice that is late enough to be a real failure.
    timeoutMs: timer(Math.max(RUN_TIMEOUT_MS, 2 * totalMs + SLACK_MS)),
    steps,
  };
}

function sleepStep(task: { id: string; name: string; needs: readonly string[]; ms: number }) {
  return {
    id: task.id,
    name: task.name.slice(0, MAX_NAME_CHARS),
    tool: "core.sleep" as const,
    ...(task.needs.length > 0 ? { needs: task.needs } : {}),
    with: { ms: task.ms },
    ...(task.ms + SLACK_MS > STEP_TIMEOUT_MS ? { timeoutMs: timer(task.ms + SLACK_MS) } : {}),
  };
}

const TASKS = ["workflow", "specification", "tasks"] as const;

function timer(ms: number): number {
  return Math.min(ms, MAX_TIMER_MS);
}

function invalid(path: readonly (string | number)[], message: string): Issue {
  return { code: "document_invalid", path, message };
}

function pathPart(part: PropertyKey): string | number {
  return typeof part === "symbol" ? String(part) : part;
}

function cleanId(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]/gu, "_").slice(0, MAX_ID_CHARS);
}

/** Recorded id -> step id, in the order given, so that the same file always gives the same ids. */
function stepIdsOf(taskIds: readonly string[]): Map<string, string> {
  // `constructor` and the like are refused as step ids.
  const used = new Set(Object.getOwnPropertyNames(Object.prototype));
  const result = new Map<string, string>();
  for (const taskId of taskIds) {
    const clean = cleanId(taskId);
    let id = clean;
    for (let count = 2; used.has(id); count++) {
      const suffix = `_${count}`;
      id = `${clean.slice(0, MAX_ID_CHARS - suffix.length)}${suffix}`;
    }
    used.add(id);
    result.set(taskId, id);
  }
  return result;
}

/** Both lists of a file say the same; where one is missing, the other counts. */
function parentsOf(tasks: Specified): Map<string, Set<string>> {
  const parents = new Map(tasks.map((task) => [task.id, new Set(task.parents)]));
  for (const task of tasks) {
    for (const child of task.children) parents.get(child)?.add(task.id);
  }
  return parents;
}

function duplicates(tasks: Specified): Issue[] {
  const seen = new Set<string>();
  return tasks.flatMap((task, index) => {
    if (seen.has(task.id)) return [invalid([...TASKS, index, "id"], `${task.id} is given twice`)];
    seen.add(task.id);
    return [];
  });
}

function dangling(tasks: Specified): Issue[] {
  const known = new Set(tasks.map((task) => task.id));
  return tasks.flatMap((task, index) =>
    (["parents", "children"] as const).flatMap((list) =>
      task[list].flatMap((id, position) =>
        known.has(id)
          ? []
          : [
              invalid(
                [...TASKS, index, list, position],
                `expected ${list} of ${task.id} to be tasks, got: ${id}`,
              ),
            ],
      ),
    ),
  );
}

/** One cycle, its first task repeated at the end; undefined when there is none. */
function cycleIn(parents: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const rest = new Set(parents.keys());
  const waitsOnRest = (id: string): string | undefined =>
    [...(parents.get(id) ?? [])].find((parent) => rest.has(parent));
  const children = new Map<string, string[]>();
  const open = new Map<string, number>();
  for (const [id, ids] of parents) {
    const known = [...ids].filter((parent) => parents.has(parent));
    open.set(id, known.length);
    for (const parent of known) children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  const ready = [...open].flatMap(([id, count]) => (count === 0 ? [id] : []));
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    rest.delete(id);
    for (const child of children.get(id) ?? []) {
      const left = (open.get(child) ?? 0) - 1;
      open.set(child, left);
      if (left === 0) ready.push(child);
    }
  }
  // Everybody left waits on somebody left, so following that ends in a circle.
  const walked: string[] = [];
  for (let id = [...rest][0]; id !== undefined; id = waitsOnRest(id)) {
    const first = walked.indexOf(id);
    if (first >= 0) return [...walked.slice(first), id].toReversed();
    walked.push(id);
  }
  return undefined;
}

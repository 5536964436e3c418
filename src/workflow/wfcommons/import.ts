import {
  RUN_TIMEOUT_MS,
  STEP_TIMEOUT_MS,
  ValidationError,
  type Issue,
} from "../../../config/index.ts";
import { idOf, stepIdsOf } from "./ids.ts";
import { invalid, named, recordedIn, shaped, type Task } from "./tasks.ts";

/** Longest name that a document may have. Characters. */
const MAX_NAME_CHARS = 500;
/** Timers of JavaScript end here. Milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;
/** What a step may take beyond its sleep before it counts as timed out. Milliseconds. */
const SLACK_MS = 60_000;

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
 * Turns a recorded execution (WfCommons WfFormat 1.2 to 1.6) into a workflow of `core.sleep` steps with the
 * recorded runtimes times `scale` (default 1) and the recorded dependencies.
 *
 * Characters outside [A-Za-z0-9_-] of a task's id become `_`. An id that is longer than 64 characters then keeps its
 * beginning and its end, with a hash of the whole between them; of several that would be the same, those that had
 * to be changed end with such a hash. So ids stay what they are when other tasks come or go. The recorded id is the step's name.
 *
 * @throws ValidationError `document_invalid` with every problem: shape, ids that are given twice or
 * are not known, tasks without a runtime, cycles.
 */
export function fromWfCommons(
  document: unknown,
  options: { readonly scale?: number } = {},
): ImportedWorkflow {
  const { name, workflow } = shaped(named, document, []);
  const { tasks: list, at, issues: unclear } = recordedIn(workflow);
  const parents = parentsOf(list);
  const issues = [...unclear, ...duplicates(list, at), ...dangling(list, at), ...untimed(list, at)];
  const cycle = cycleIn(parents);
  if (cycle !== undefined) issues.push(invalid(at, `cycle: ${cycle.join(" -> ")}`));
  if (issues.length > 0) throw new ValidationError(issues);

  const stepIds = stepIdsOf(list.map((task) => task.id));
  const scale = options.scale ?? 1;
  const steps = list.map((task) =>
    sleepStep({
      id: stepIds.get(task.id) ?? task.id,
      name: task.id,
      needs: [...(parents.get(task.id) ?? [])].map((id) => stepIds.get(id) ?? id),
      ms: Math.round((task.seconds ?? 0) * 1000 * scale),
    }),
  );
  const totalMs = steps.reduce((sum, step) => sum + step.with.ms, 0);
  return {
    tutti: 1,
    id: idOf(name),
    name: name.slice(0, MAX_NAME_CHARS),
    // One machine with one slot needs the total; twice that is late enough to be a real failure.
    timeoutMs: timer(Math.max(RUN_TIMEOUT_MS, 2 * totalMs + SLACK_MS)),
    steps,
  };
}

function untimed(list: readonly Task[], at: readonly string[]): Issue[] {
  return list.flatMap(({ id, seconds: runtime }, index) =>
    runtime === null
      ? [invalid([...at, index], `expected a runtime of ${id} in execution.tasks, got: none`)]
      : [],
  );
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

function timer(ms: number): number {
  return Math.min(ms, MAX_TIMER_MS);
}

/** Both lists of a file say the same; where one is missing, the other counts. */
function parentsOf(list: readonly Task[]): Map<string, Set<string>> {
  const parents = new Map(list.map((task) => [task.id, new Set(task.parents)]));
  for (const task of list) {
    for (const child of task.children) parents.get(child)?.add(task.id);
  }
  return parents;
}

function duplicates(list: readonly Task[], at: readonly string[]): Issue[] {
  const seen = new Set<string>();
  return list.flatMap((task, index) => {
    if (seen.has(task.id))
      return [
        invalid(
          [...at, index, at.includes("specification") ? "id" : "name"],
          `${task.id} is given twice`,
        ),
      ];
    seen.add(task.id);
    return [];
  });
}

function dangling(list: readonly Task[], at: readonly string[]): Issue[] {
  const known = new Set(list.map((task) => task.id));
  return list.flatMap((task, index) =>
    (["parents", "children"] as const).flatMap((field) =>
      task[field].flatMap((id, position) =>
        known.has(id)
          ? []
          : [
              invalid(
                [...at, index, field, position],
                `expected ${field} of ${task.id} to be tasks, got: ${id}`,
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

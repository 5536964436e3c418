import {
  quoted,
  Budget,
  compileTemplate,
  readJson,
  ValidationError,
  type Issue,
  type JsonObject,
  type Template,
} from "../../config/index.ts";
import type { LaneRule, RunDefinition } from "../definition.ts";
import { laneOf } from "../names.ts";

/** Longest key. Characters. */
const MAX_KEY = 1_000;

/** The keys that select the lanes of a run's calls. */
export interface RunKeys {
  readonly tenant: string;
  /** The value of each step's `key`. */
  readonly steps: Readonly<Record<string, string>>;
}

/** The keys of a run, decoded from its record. */
export function readKeys(tenant: string, text: string | null | undefined): RunKeys {
  return { tenant, steps: text ? readJson<Record<string, string>>(text) : {} };
}

/** The queue in which a call waits: that of its tool, or the lane of its key. */
export function queueOfCall(
  { tool, lane }: { readonly tool: string; readonly lane?: LaneRule },
  keys: RunKeys,
  key: string | undefined,
): string {
  if (lane === undefined) return tool;
  return laneOf(tool, lane === "tenant" ? keys.tenant : (key ?? ""));
}

const templates = new WeakMap<RunDefinition, ReadonlyMap<string, Template>>();

/** The key templates of the steps, compiled once for all runs of the same plan. */
function templatesOf(definition: RunDefinition): ReadonlyMap<string, Template> {
  let found = templates.get(definition);
  if (found === undefined) {
    found = new Map(
      Object.entries(definition.steps).flatMap(([id, { key }]) =>
        key === undefined ? [] : [[id, compileTemplate(key, "key")] as const],
      ),
    );
    templates.set(definition, found);
  }
  return found;
}

/**
 * Evaluates the keys of the steps for this input.
 *
 * @throws ValidationError `input_invalid` for each one that yields no valid key.
 */
export function keysOfSteps(
  definition: RunDefinition,
  runId: string,
  input: JsonObject,
): Readonly<Record<string, string>> {
  if (definition.keyed !== true) return {};
  const variables = { input, run: { id: runId, workflow: definition.workflow.id } };
  const budget = new Budget();
  const issues: Issue[] = [];
  const keys: [string, string][] = [];
  for (const [stepId, template] of templatesOf(definition)) {
    const found = keyOf(template, variables, budget);
    if ("key" in found) keys.push([stepId, found.key]);
    else
      issues.push({
        code: "input_invalid",
        message: `expected the key of step ${stepId} to be a text, a number or a boolean, ${found.instead}`,
        path: ["steps", stepId, "key"],
      });
  }
  if (issues.length > 0) throw new ValidationError(issues);
  return Object.fromEntries(keys);
}

function keyOf(
  template: Template,
  variables: Readonly<Record<string, unknown>>,
  budget: Budget,
): { readonly key: string } | { readonly instead: string } {
  let value: unknown;
  try {
    value = template.render(variables, budget);
  } catch (thrown) {
    return { instead: thrown instanceof Error ? thrown.message : String(thrown) };
  }
  if (!["string", "number", "boolean"].includes(typeof value))
    return { instead: `got: ${quoted(value)}` };
  const key = String(value);
  if (key.length <= MAX_KEY) return { key };
  return { instead: `of at most ${MAX_KEY} characters, got: ${key.length}` };
}

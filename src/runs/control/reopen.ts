import {
  canonicalJson,
  checkPlainData,
  REFUSED_VALUE_KEYS,
  completeRunInput,
  compileSchema,
  contentHash,
  quoted,
  MAX_VALUE_BYTES,
  ValidationError,
  type Issue,
  type JsonObject,
  type ToolRegistry,
} from "../../../config/index.ts";
import type { Reopen } from "../../../queues/client.ts";
import type { RunDefinition } from "../../../queues/index.ts";
import type { ResumeForm } from "./forms.ts";

/** A paused run goes on as it is. */
export function refusePausedOptions(runId: string, what: ResumeForm): void {
  const given = Object.entries(what).flatMap(([field, value]) =>
    value === undefined ? [] : field,
  );
  if (given.length === 0) return;
  throw new ValidationError(
    given.map((field) => ({
      code: "request_invalid",
      message: `run ${runId} is paused and goes on as it is; ${field} is for a run that has ended`,
      path: [field],
    })),
  );
}

/**
 * What {@link ResumeForm} asks of a run that has ended.
 *
 * @throws ValidationError with every problem: `request_invalid`, `input_invalid`, `payload_too_large`.
 */
export function checkReopen(
  definition: RunDefinition,
  registry: ToolRegistry,
  what: ResumeForm,
): Omit<Reopen, "actor"> {
  const { steps, from, with: edits = {} } = what;
  const issues: Issue[] = [];
  if (steps !== undefined && from !== undefined)
    issues.push(refuse("expected either steps or from, got: both", "from"));
  for (const [field, ids] of Object.entries({ steps, from })) {
    for (const [index, id] of (ids ?? []).entries())
      if (!Object.hasOwn(definition.steps, id))
        issues.push(refuse(`the run has no step ${quoted(id)}`, field, index));
  }
  for (const [id, value] of Object.entries(edits))
    issues.push(...problemsOfEdit(definition, registry, id, value));
  const input = collect(issues, () =>
    what.input === undefined ? undefined : completeRunInput(definition.inputs, what.input),
  );
  if (issues.length > 0) throw new ValidationError(issues);
  return {
    steps: from ?? steps ?? "failed",
    ...(from === undefined ? {} : { anyState: true }),
    ...(input === undefined
      ? {}
      : { input: { value: input, hash: contentHash(canonicalJson(input)) } }),
    ...(what.with === undefined ? {} : { with: what.with }),
  };
}

/** What is wrong with the new input of a step. */
function problemsOfEdit(
  definition: RunDefinition,
  registry: ToolRegistry,
  id: string,
  value: JsonObject,
): Issue[] {
  const step = Object.hasOwn(definition.steps, id) ? definition.steps[id] : undefined;
  if (step === undefined) return [refuse(`the run has no step ${quoted(id)}`, "with", id)];
  if (step.forEach !== undefined || step.wait !== undefined) {
    const what =
      step.forEach === undefined ? "calls nothing" : "gives each item an input of its own";
    return [refuse(`expected a step with one input; ${id} ${what}`, "with", id)];
  }
  const at = ["with", id];
  const strange = checkPlainData(value, MAX_VALUE_BYTES, REFUSED_VALUE_KEYS);
  if (strange.length > 0)
    return strange.map((issue) => ({
      ...issue,
      code: issue.code === "document_too_large" ? "payload_too_large" : "input_invalid",
      message: `with.${id}: ${issue.message}`,
      path: [...at, ...issue.path],
    }));
  const schema = registry.get(step.tool)?.spec.input;
  if (schema === undefined) return [];
  const checked = compileSchema(schema)(value);
  if (!("problems" in checked)) return [];
  return checked.problems.map(({ path, message, suggestion }) => ({
    code: "input_invalid",
    message: `with.${id}: ${message}`,
    path: [...at, ...path],
    ...(suggestion === undefined ? {} : { suggestion }),
  }));
}

/** Does something, and keeps its problems with the others. */
function collect<T>(issues: Issue[], check: () => T): T | undefined {
  try {
    return check();
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    issues.push(...thrown.issues);
    return undefined;
  }
}

const refuse = (message: string, ...path: (string | number)[]): Issue => ({
  code: "request_invalid",
  message,
  path,
});

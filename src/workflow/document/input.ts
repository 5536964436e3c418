import {
  compileSchema,
  compileTemplate,
  messageOf,
  type JsonObject,
  type SchemaProblem,
  type ToolSpec,
} from "../../../config/index.ts";

/** Fields of `value` that hold an expression somewhere: their values are known only when the step runs. */
function dynamicFields(value: JsonObject): ReadonlySet<string | number> {
  const dynamic = new Set<string | number>();
  for (const [key, one] of Object.entries(value)) {
    try {
      if (compileTemplate(one, "item").dynamic) dynamic.add(key);
    } catch {
      // A broken expression, or one about an item of another name, is checked elsewhere.
      dynamic.add(key);
    }
  }
  return dynamic;
}

/**
 * Checks the input a step gives its tool, as far as it is known before the run: fields with
 * expressions count as given, their values are checked by the worker.
 */
export function checkInput(tool: ToolSpec, input: JsonObject): readonly SchemaProblem[] {
  const checked = compileSchema(tool.input)(input);
  if (!("problems" in checked)) return [];
  const dynamic = dynamicFields(input);
  return checked.problems.filter(({ path: [field] }) => field === undefined || !dynamic.has(field));
}

/** What is wrong with a JSON Schema itself; null when nothing is. */
export function schemaProblem(schema: Record<string, unknown>): string | null {
  try {
    compileSchema(schema);
    return null;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

import type { Json, JsonObject, Template } from "../../../config/index.ts";
import type { CallContext } from "./binding.ts";

/** What the expressions of a binding see: the input, and the secrets they name. */
export function bindingVariables(
  templates: Iterable<Template>,
  args: JsonObject,
  secret: CallContext["secret"],
): Readonly<Record<string, Json>> {
  const secrets: Record<string, string> = {};
  for (const template of templates)
    for (const name of template.secrets) secrets[name] = secret(name);
  return { args, secrets };
}

/** A rendered value as text: texts as they are, all else as JSON. */
export function asText(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

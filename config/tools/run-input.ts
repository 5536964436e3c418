import { MAX_VALUE_BYTES } from "../defaults.ts";
import { isJsonObject, type JsonObject } from "../documents/json.ts";
import { checkPlainData, REFUSED_VALUE_KEYS } from "../documents/plain-data.ts";
import { ValidationError } from "../errors.ts";
import { compileSchema } from "../json-schemas/schema-check.ts";

/**
 * Checks the input of a run against the workflow's `inputs` and fills in their defaults.
 *
 * @throws ValidationError with every problem: `input_invalid`, `payload_too_large`.
 */
export function completeRunInput(
  schema: Readonly<Record<string, unknown>> | undefined,
  input: JsonObject,
): JsonObject {
  const strange = checkPlainData(input, MAX_VALUE_BYTES, REFUSED_VALUE_KEYS);
  if (strange.length > 0) {
    throw new ValidationError(
      strange.map((issue) => ({
        ...issue,
        code: issue.code === "document_too_large" ? "payload_too_large" : "input_invalid",
        message: `input: ${issue.message}`,
        path: ["input", ...issue.path],
      })),
    );
  }
  if (schema === undefined) return input;
  const checked = compileSchema(schema)(input);
  if (!("problems" in checked) && isJsonObject(checked.value)) return checked.value;
  const problems =
    "problems" in checked ? checked.problems : [{ path: [], message: "must be an object" }];
  throw new ValidationError(
    problems.map(({ path, message, ...more }) => ({
      code: "input_invalid",
      message: `input: ${message}`,
      path: ["input", ...path],
      ...("suggestion" in more && more.suggestion !== undefined
        ? { suggestion: more.suggestion }
        : {}),
    })),
  );
}

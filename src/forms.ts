import * as z from "zod";

import { issuesOf, ValidationError, type Issue, type JsonObject } from "../config/index.ts";
import { ID_PART_RULE, isIdPart } from "../queues/client.ts";

/**
 * Checks what a caller asks for.
 *
 * @param more problems that no field has by itself.
 * @throws ValidationError `request_invalid` with every problem.
 */
export function checkForm<T extends z.ZodType>(
  form: T,
  value: unknown,
  more: readonly Issue[] = [],
): z.output<T> {
  const parsed = form.safeParse(value);
  if (parsed.success && more.length === 0) return parsed.data;
  throw new ValidationError([
    ...(parsed.success
      ? []
      : issuesOf(parsed.error, "request_invalid", {
          schema: form,
          data: value,
          whole: "the request",
        })),
    ...more,
  ]);
}

/** An id that becomes a part of names in Redis. */
export const idForm = z.string().refine(isIdPart, { error: `expected ${ID_PART_RULE}` });

/** Parsed by reference: a copy would lose keys such as `__proto__`, which must be refused by name. */
export const inputForm = z.custom<JsonObject>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  { error: "expected an object" },
);

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** Reads JSON that Tutti wrote itself; the caller knows its type. Never for input from outside. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- naming the type at the call is the point
export function readJson<T>(text: string): T {
  return JSON.parse(text);
}

/** Whether a value is a JSON object, not a list or a plain value. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import { unpack } from "msgpackr";

/**
 * An argument of a script of BullMQ as JSON can carry it to that script: a text, or what BullMQ has packed, unpacked. A list
 * keeps its nulls, which its reader takes for nil.
 */
export function unpacked(arg: unknown): unknown {
  if (Buffer.isBuffer(arg)) return withoutNulls(unpack(arg));
  if (typeof arg === "string") return wellFormed(arg);
  return typeof arg === "number" ? String(arg) : (arg ?? "");
}

/** Half a surrogate pair, as in the message of an error, would be refused by a script's JSON parser, with all of its call. */
export const wellFormed = (text: string): string => Buffer.from(text).toString();

/** Lua has no null inside a table. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== null && one !== undefined),
  );
}

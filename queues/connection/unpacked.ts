import { msgpackr } from "./packages.ts";
/**
 * Converts an argument of a BullMQ script to a form that JSON can carry: a text, or the unpacked form of what BullMQ
 * has packed. A list keeps its nulls; its reader treats them as nil.
 */
export function unpacked(arg: unknown): unknown {
  if (Buffer.isBuffer(arg)) return withoutNulls(msgpackr().unpack(arg));
  if (typeof arg === "string") return wellFormed(arg);
  return typeof arg === "number" ? String(arg) : (arg ?? "");
}

/**
 * Replaces half a surrogate pair, as in an error message: a script's JSON parser would refuse it, and with it the whole
 * call.
 */
export const wellFormed = (text: string): string => Buffer.from(text).toString();

/** Lua has no null inside a table. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== null && one !== undefined),
  );
}

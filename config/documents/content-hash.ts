import { createHash } from "node:crypto";

import type { Json } from "./json.ts";

/** The hash of a content: the first 128 bits of its SHA-256, in 22 characters. */
export function contentHash(text: string): string {
  return createHash("sha256").update(text).digest().subarray(0, 16).toString("base64url");
}

/** JSON with sorted keys: equal values have the same text. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

import * as z from "zod";

/** Numbers with dots between. */
const VERSION = /^\d{1,15}(\.\d{1,15}){0,7}$/;

const expected =
  'expected a non-negative integer, or up to 8 numbers with dots between, as text: "1.10.2" (a bare 1.10 is the number 1.1)';

/**
 * Orders catalogues: a non-negative integer, or a text of numbers with dots between. Kept as text. Compared number by
 * number from the left; missing numbers are 0.
 */
export const catalogueVersion = z
  .union([z.int().nonnegative(), z.string().regex(VERSION)], { error: expected })
  .transform(String);

/** Below 0 if the first is older, above if it is newer. A missing version is the oldest. */
export function compareVersions(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  const [one, other] = [a, b].map((text) => text.split(".").map(Number));
  const length = Math.max(one!.length, other!.length);
  for (let at = 0; at < length; at++) {
    const difference = (one![at] ?? 0) - (other![at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

import { distance } from "fastest-levenshtein";

/** Edits from one word to the other; two letters that changed places are one slip. */
function slips(given: string, meant: string): number {
  const at = [...given].findIndex((letter, index) => letter !== meant[index]);
  const swapped =
    given.slice(0, at) + (given[at + 1] ?? "") + (given[at] ?? "") + given.slice(at + 2);
  return at !== -1 && swapped === meant ? 1 : distance(given, meant);
}

/** The candidate that `name` was probably meant to be; undefined when none is close. Case does not count. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // A third of the name may be wrong, two letters swapped in any that has four; more would suggest nonsense.
  let limit = name.length > 3 ? Math.max(2, Math.floor(name.length / 3)) : name.length > 1 ? 1 : 0;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const edits = slips(name.toLowerCase(), candidate.toLowerCase());
    if (edits > limit || (best !== undefined && edits === limit)) continue;
    best = candidate;
    limit = edits;
  }
  return best;
}

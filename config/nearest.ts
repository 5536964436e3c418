import { distance } from "fastest-levenshtein";

/** The candidate that `name` was probably meant to be; undefined when none is close. Case does not count. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // A third of the name may be wrong, two letters swapped in any that has four; more would suggest nonsense.
  let limit = name.length > 3 ? Math.max(2, Math.floor(name.length / 3)) : name.length > 1 ? 1 : 0;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits > limit || (best !== undefined && edits === limit)) continue;
    best = candidate;
    limit = edits;
  }
  return best;
}

import { distance } from "fastest-levenshtein";

/** Number of edits between the words. Two swapped letters count as one edit. */
function slips(given: string, meant: string): number {
  let at = 0;
  while (at < given.length && given[at] === meant[at]) at++;
  const swapped =
    given.slice(0, at) + (given[at + 1] ?? "") + (given[at] ?? "") + given.slice(at + 2);
  return at < given.length && swapped === meant ? 1 : distance(given, meant);
}

/** The candidate that `name` was probably meant to be; undefined if none is close. Case does not count. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // A third of the name may be wrong. More would suggest nonsense for short names.
  let limit = name.length > 1 ? Math.max(1, Math.floor(name.length / 3)) : 0;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const edits = slips(name.toLowerCase(), candidate.toLowerCase());
    if (edits > limit || (best !== undefined && edits === limit)) continue;
    best = candidate;
    limit = edits;
  }
  return best;
}

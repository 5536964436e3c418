/** V8 searches for shorter texts. Its search may compare each of their characters at each place. */
const MIN_OWN_SEARCH_CHARS = 64;

/** For each prefix of `needle`, how far it matches its own start (Knuth, Morris, Pratt). */
function borders(needle: string): Int32Array {
  const table = new Int32Array(needle.length);
  let length = 0;
  for (let at = 1; at < needle.length; at++) {
    while (length > 0 && needle.charCodeAt(at) !== needle.charCodeAt(length))
      length = table[length - 1]!;
    if (needle.charCodeAt(at) === needle.charCodeAt(length)) length++;
    table[at] = length;
  }
  return table;
}

/** All places of `needle` from left to right, non-overlapping unless `overlapping`. Linear in both texts. */
export function* placesOf(text: string, needle: string, overlapping = false): Generator<number> {
  if (needle.length < MIN_OWN_SEARCH_CHARS) {
    const step = overlapping ? 1 : Math.max(1, needle.length);
    for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + step)) {
      yield at;
      if (at + step > text.length) return;
    }
    return;
  }
  const table = borders(needle);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    while (length > 0 && text.charCodeAt(at) !== needle.charCodeAt(length))
      length = table[length - 1]!;
    if (text.charCodeAt(at) === needle.charCodeAt(length)) length++;
    if (length === needle.length) {
      yield at - length + 1;
      length = overlapping ? table[length - 1]! : 0;
    }
  }
}

/** The first place at or after `from`, or -1. */
export function firstPlace(text: string, needle: string, from = 0): number {
  if (needle.length < MIN_OWN_SEARCH_CHARS) return text.indexOf(needle, from);
  for (const place of placesOf(text.slice(from), needle)) return from + place;
  return -1;
}

/** The last place at or before `from`, or -1. */
export function lastPlace(text: string, needle: string, from: number = text.length): number {
  if (needle.length < MIN_OWN_SEARCH_CHARS) return text.lastIndexOf(needle, from);
  let last = -1;
  for (const place of placesOf(text, needle, true)) {
    if (place > from) break;
    last = place;
  }
  return last;
}

import { expectedShare, information, type KneeBelief } from "./knee-belief.ts";

/** What a nat is worth, in parts of what may be gained by knowing the knee; and how far from the best cap to look. */
const WORTH_OF_KNOWING = 1;
const LOOK = { below: 0.75, above: 1.5 };
/** A cap that is off by less stays; a small one moves by single calls. */
const DEAD_ZONE = { share: 0.08, from: 8 };
/** Caps are tried one by one up to here, further up in steps of 3 %: it keeps 500 calls at once cheap. */
const FINE = 64;
const COARSE_STEP = 1.03;

/** A number of calls at once, and what part of the best throughput it is believed to bring. */
interface Try {
  readonly cap: number;
  readonly share: number;
}

/** The cap with most throughput, and the one that is worth most with what is seen there. */
export function chooseCap(
  belief: KneeBelief,
  most: number,
  variance: number,
): { readonly best: Try; readonly chosen: number } {
  const tries: Try[] = [];
  for (let cap = 1; cap <= most; cap = cap < FINE ? cap + 1 : Math.ceil(cap * COARSE_STEP))
    tries.push({ cap, share: expectedShare(belief, cap) });
  const best = tries.reduce((a, b) => (b.share > a.share ? b : a));
  // With little to gain there is little to know.
  const worth = WORTH_OF_KNOWING * (1 - best.share);
  const valued = tries
    .filter(({ cap }) => cap >= Math.floor(LOOK.below * best.cap))
    .filter(({ cap }) => cap <= Math.max(best.cap + 2, LOOK.above * best.cap))
    .map(({ cap, share }) => ({
      cap,
      value: share + worth * information(belief, cap, variance),
    }));
  return { best, chosen: valued.reduce((a, b) => (b.value > a.value ? b : a)).cap };
}

/** Whether a cap is as good as the one before it. */
export function isNear(cap: number, before: number): boolean {
  const least = before < DEAD_ZONE.from ? 0 : Math.max(1, DEAD_ZONE.share * before);
  return Math.abs(cap - before) <= least;
}

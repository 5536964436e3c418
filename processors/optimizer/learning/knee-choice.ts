import { expectedShares, information, type KneeBelief } from "./knee-belief.ts";

/** Caps are tried one by one up to here, further up in steps of 2 %: it keeps 500 calls at once cheap. */
const FINE = 64;
const COARSE_STEP = 1.02;
/** A look above goes no farther than this, and is to cost no more of the best throughput while it lasts. */
const LOOK = { under: 0.85, below: 0.75, above: 1.5, cost: 0.12 };

/** A number of calls at once, and what part of the best throughput it is believed to bring. */
export interface Try {
  readonly cap: number;
  readonly share: number;
}

/** Caps up to one, with what each is believed to bring. */
export function triesOf(belief: KneeBelief, most: number): readonly Try[] {
  const caps: number[] = [];
  for (let cap = 1; cap <= most; cap = cap < FINE ? cap + 1 : Math.ceil(cap * COARSE_STEP))
    caps.push(cap);
  if (caps.at(-1)! < most) caps.push(most);
  const shares = expectedShares(belief, caps);
  return caps.map((cap, at) => ({ cap, share: shares[at]! }));
}

export const bestOf = (tries: readonly Try[]): Try =>
  tries.reduce((a, b) => (b.share > a.share ? b : a));

/** A cap that is tried to see what it tells. */
export interface Look {
  readonly cap: number;
  /** What part of the throughput that costs while it lasts, and how much longer calls take then. */
  readonly cost: number;
  readonly slowness: number;
}

/** A little below: whether calls are as slow there says whether they are slow for all, or crowded. */
export function lookBelow(belief: KneeBelief, cap: number): Look {
  const below = Math.min(cap - 1, Math.round(LOOK.under * cap));
  const [own, there] = expectedShares(belief, [cap, below]);
  return { cap: below, cost: Math.max(0, 1 - there! / own!), slowness: 1 };
}

/** Where most is to be seen at a bearable price, above or below; one more or less is bearable at any. */
export function lookFrom(
  belief: KneeBelief,
  cap: number,
  variance: number,
  calls: number,
  ceiling: number,
): Look {
  const caps: number[] = [];
  const most = Math.min(ceiling, Math.max(cap + 1, Math.floor(LOOK.above * cap)));
  for (let n = Math.max(1, Math.min(cap - 1, Math.ceil(LOOK.below * cap))); n <= most; n++)
    caps.push(n);
  const shares = expectedShares(belief, caps);
  const gained = information(belief, caps, variance, calls);
  const own = shares[caps.indexOf(cap)]!;
  let best = Math.min(cap + 1, ceiling);
  for (const [at, n] of caps.entries()) {
    const isBearable = Math.abs(n - cap) === 1 || shares[at]! >= (1 - LOOK.cost) * own;
    if (n !== cap && isBearable && gained[at]! > gained[caps.indexOf(best)]!) best = n;
  }
  const cost = Math.max(0, 1 - shares[caps.indexOf(best)]! / own);
  return { cap: best, cost, slowness: Math.max(1, best / cap / (1 - cost)) };
}

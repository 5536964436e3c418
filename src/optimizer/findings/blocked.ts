import { isPrivate, partsOfLabel } from "../../../queues/client.ts";

/** What kind of thing kept a queue, out of the labels that the gate counts blocked time under. */
type BlockedKind = "cap" | "rate" | "resource" | "downstream" | "failing" | "level";

const KIND_OF: Readonly<Record<string, BlockedKind>> = {
  rate: "rate",
  cool_down: "rate",
  ramp: "rate",
  knee: "downstream",
  breaker: "failing",
  degraded: "level",
  resource: "resource",
  drain: "resource",
  exceeds: "resource",
};

/** Shares of time by kind, and the thing that most of each goes to. */
export interface BlockedShares {
  readonly shares: Readonly<Record<BlockedKind, number>>;
  readonly of: Readonly<Partial<Record<BlockedKind, string>>>;
}

/**
 * Sorts blocked time by what kind of thing was missing. The slots of a budget that only this tool has are its own
 * cap, those of a shared one a resource: more room for one tool takes it from others.
 */
export function blockedShares(blocked: Readonly<Record<string, number>>): BlockedShares {
  const shares = { cap: 0, rate: 0, resource: 0, downstream: 0, failing: 0, level: 0 };
  const of: Partial<Record<BlockedKind, string>> = {};
  const most: Partial<Record<BlockedKind, number>> = {};
  for (const [label, share] of Object.entries(blocked)) {
    const { kind: name, of: what } = partsOfLabel(label);
    const kind = KIND_OF[name] ?? (isPrivate(what) ? "cap" : "resource");
    shares[kind] += share;
    if (share > (most[kind] ?? 0)) {
      most[kind] = share;
      of[kind] = what;
    }
  }
  return { shares, of };
}

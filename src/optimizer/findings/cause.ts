import { blockedShares, type BlockedShares } from "./blocked.ts";
import type { Digest, ToolDigest } from "./digest.ts";
import type { Evidence, Verdict } from "./finding.ts";
import type { Usual } from "./usual.ts";

/** What is looked at: times are told in windows, so that a deployment in a faster time is judged alike. */
const WAIT_DRAIN = 0.2;
const WAIT_P95 = 0.6;
const KNEE_DRAIN = 1;
const STUCK_AGE = 3;
/** A call counts as stuck after so many times what is usual. */
const STUCK_P99S = 3;
const STUCK_MEANS = 9;
/** A machine is stuck when it ends at most so much of what the others end on average. */
const STUCK_SHARE = 0.15;
/** Calls that are that much longer everywhere are a slow service, not a stuck machine. */
const STUCK_INFLATION = 1.6;
/** Fewer outcomes say nothing about failures; more than this share, with 95 % confidence, is failing. */
const FAILING_LEAST = 8;
const FAILING_SHARE = 0.1;
/** Calls that take so much longer than usual, beyond chance, are slowed down. */
const INFLATION = 1.3;
const INFLATION_Z = 3.5;
/** Times are measured in whole milliseconds: a smaller growth is none. */
const INFLATION_LEAST_MS = 5;
const INFLATION_LEAST = 5;
/** What service times vary by, as a share of their mean, when nobody has measured it. */
const SPREAD = 0.7;
/**
 * Calls of a window in which work waited for a machine in more than this share of it are not held against their service.
 * Less than what makes one reading of a machine full (0.2 of memory or storage, `processors/machine/pressure.ts`): this is the
 * mean of a whole window, in which full moments and calm ones are mixed, over all resources, and to excuse a service for one
 * window costs nothing, while a full machine makes calls be learned from no more.
 */
const EXCUSING_PRESSURE = 0.15;
/** Jobs wait for more than this share of the time. */
const BUSY = 0.5;
/** What others use of a resource of a machine, above this, is worth to be told. */
const NEIGHBOR = 0.2;
/** A share of blocked time below this explains no waiting. */
const LEAST_BLOCKED = 0.1;

/** The windows of one tool that are looked at together, the oldest first. */
export interface Look {
  readonly tool: string;
  readonly windows: readonly Digest[];
  readonly usual: Usual | undefined;
}

/** What was found in them; no verdict: nothing is wrong. */
export interface Looked {
  readonly verdict: Verdict | null;
  readonly evidence: Evidence;
}

/**
 * Why a tool does less than it is asked for: the first rule that holds. Blocked time tells the causes of waiting
 * apart: what the queue was refused for while jobs stood in it.
 */
export function causeOf({ tool, windows, usual }: Look): Looked {
  const seen = windows.flatMap(({ tools }) => tools[tool] ?? []);
  const last = windows.at(-1)?.tools[tool];
  const { blocked, evidence, throughputPerMs } = evidenceOf(seen, windows, last, usual);
  const windowMs = windows.at(-1)?.ms ?? 0;
  const machines = Object.values(windows.at(-1)?.machines ?? {});
  const isHot = machines.some(({ pressure }) =>
    Object.values(pressure).some((share) => (share ?? 0) > EXCUSING_PRESSURE),
  );
  const judged = (verdict: Verdict | null): Looked => ({ verdict, evidence });
  if (last === undefined) return judged(null);
  if (last.servedBy === 0 && last.waiting > 0) return judged({ kind: "unserved" });
  const stuck = stuckMachines(seen, last, usual, windowMs);
  const running = Object.values(last.places).filter(({ active }) => active > 0).length;
  if (stuck.length > 0 && stuck.length <= Math.max(1, running / 2)) {
    if ((evidence.inflation ?? 1) < STUCK_INFLATION)
      return judged({ kind: "stuck_worker", culprit: stuck[0]! });
  } else if (stuck.length > 0 && running > 1) return judged({ kind: "downstream_saturated" });
  if (isFailing(evidence)) return judged({ kind: "failing" });
  const calls = seen.reduce((sum, one) => sum + one.calls, 0);
  if (isInflated(evidence.inflation, calls) && !isHot)
    return judged({ kind: "downstream_saturated" });
  const drainMs = drainOf(last.waiting, throughputPerMs);
  const isWaiting =
    evidence.busy > BUSY &&
    (drainMs > Math.max(WAIT_DRAIN * windowMs, (usual?.meanMs ?? 0) / 2) ||
      (last.waitP95Ms ?? 0) > Math.max(WAIT_P95 * windowMs, 3 * (usual?.meanMs ?? 0)));
  const verdict = isWaiting ? causeOfWaiting(blocked, windows) : null;
  // What its service carries is felt out again and again: it keeps the tool when what waits is more than a moment's work.
  const isFelt = verdict?.kind === "downstream_saturated" && drainMs <= KNEE_DRAIN * windowMs;
  return judged(isFelt ? null : verdict);
}

function causeOfWaiting({ shares, of }: BlockedShares, windows: readonly Digest[]): Verdict | null {
  const { cap, rate, resource, downstream, failing, level } = shares;
  const most = Math.max(cap, rate, resource, downstream, failing, level);
  // Nobody refused it: its workers have their hands full.
  if (most < LEAST_BLOCKED) return { kind: "under_provisioned", culprit: "workers" };
  if (most === level) return null;
  if (most === failing) return { kind: "failing" };
  if (most === downstream) return { kind: "downstream_saturated" };
  if (most === rate) return { kind: "rate_limited", ...culprit(of.rate) };
  if (most === resource)
    return {
      kind: "resource_bound",
      ...culprit(of.resource),
      ...neighbor(of.resource ?? "", windows),
    };
  return { kind: "under_provisioned", ...culprit(of.cap) };
}

const culprit = (name: string | undefined): { culprit?: string } =>
  name === undefined || name === "" ? {} : { culprit: name };

/**
 * The machine on which others use most of a resource, if they use much of it: as it was learned, or what is used
 * there beyond what calls were given, which shows sooner.
 */
function neighbor(resource: string, windows: readonly Digest[]): { machine?: string } {
  const last = windows.at(-1)?.machines ?? {};
  const [most] = Object.keys(last)
    .map((machine) => {
      const seen = windows.flatMap(({ machines }) => machines[machine] ?? []);
      const beyond = seen.flatMap(({ usage, believed }) => {
        const used = usage[resource] ?? null;
        return used === null ? [] : [used - (believed[resource] ?? 0)];
      });
      const mean = beyond.reduce((sum, share) => sum + share, 0) / Math.max(1, beyond.length);
      return [machine, Math.max(last[machine]?.background[resource] ?? 0, mean)] as const;
    })
    .toSorted(([, a], [, b]) => b - a);
  return most === undefined || most[1] <= NEIGHBOR ? {} : { machine: most[0] };
}

const drainOf = (waiting: number, perMs: number): number =>
  waiting === 0 ? 0 : perMs === 0 ? Infinity : waiting / perMs;

function evidenceOf(
  seen: readonly ToolDigest[],
  windows: readonly Digest[],
  last: ToolDigest | undefined,
  usual: Usual | undefined,
): { evidence: Evidence; blocked: BlockedShares; throughputPerMs: number } {
  const sum = (of: (one: ToolDigest) => number): number =>
    seen.reduce((all, one) => all + of(one), 0);
  const ms = windows.reduce((all, window) => all + window.ms, 0);
  const failed = sum((one) => one.failed);
  const ended = sum((one) => one.ok) + failed;
  const throughputPerMs = ms === 0 ? 0 : ended / ms;
  const calls = sum((one) => one.calls);
  const meanMs = calls === 0 ? null : sum((one) => one.calls * (one.meanMs ?? 0)) / calls;
  const byLabel: Record<string, number> = {};
  for (const { blocked } of seen)
    for (const [label, share] of Object.entries(blocked))
      byLabel[label] = (byLabel[label] ?? 0) + share / windows.length;
  const blocked = blockedShares(byLabel);
  const drain = drainOf(last?.waiting ?? 0, throughputPerMs);
  return {
    blocked,
    throughputPerMs,
    evidence: {
      busy: sum((one) => one.busy) / Math.max(1, windows.length),
      waiting: last?.waiting ?? 0,
      drainMs: Number.isFinite(drain) ? Math.round(drain) : null,
      ended,
      failed,
      meanMs,
      inflation: calls < INFLATION_LEAST ? null : inflationOf(meanMs, usual),
      blocked: blocked.shares,
    },
  };
}

/** How much longer calls take than usual; null: nobody knows. */
function inflationOf(meanMs: number | null, usual: Usual | undefined): number | null {
  if (usual === undefined || meanMs === null) return null;
  const times = meanMs / Math.max(1, usual.meanMs);
  return meanMs - usual.meanMs < INFLATION_LEAST_MS ? Math.min(1, times) : times;
}

/** Machines on which the oldest call is far too old, while others end theirs. */
function stuckMachines(
  seen: readonly ToolDigest[],
  last: ToolDigest,
  usual: Usual | undefined,
  windowMs: number,
): string[] {
  if (usual === undefined) return [];
  const oldMs = Math.max(
    STUCK_P99S * usual.p99Ms,
    STUCK_MEANS * usual.meanMs,
    STUCK_AGE * windowMs,
  );
  const ended = new Map<string, number>();
  for (const { places } of seen)
    for (const [machine, place] of Object.entries(places))
      ended.set(machine, (ended.get(machine) ?? 0) + place.ended);
  const all = [...ended.values()].reduce((sum, count) => sum + count, 0);
  return Object.entries(last.places)
    .filter(([machine, { active, oldestMs }]) => {
      if (active === 0 || oldestMs <= oldMs) return false;
      const own = ended.get(machine) ?? 0;
      return own <= (STUCK_SHARE * (all - own)) / Math.max(1, ended.size - 1);
    })
    .map(([machine]) => machine)
    .toSorted();
}

function isFailing({ failed, ended }: Evidence): boolean {
  return ended >= FAILING_LEAST && wilsonLow(failed, ended) > FAILING_SHARE;
}

/** Lower end of the 95 % interval of a share (E. B. Wilson 1927). */
function wilsonLow(hits: number, n: number): number {
  const z = 1.96;
  const share = hits / n;
  const middle = share + (z * z) / (2 * n);
  const width = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return (middle - width) / (1 + (z * z) / n);
}

function isInflated(inflation: number | null, calls: number): boolean {
  if (inflation === null || inflation <= INFLATION) return false;
  return ((inflation - 1) * Math.sqrt(calls)) / SPREAD > INFLATION_Z;
}

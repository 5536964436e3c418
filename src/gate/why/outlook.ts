import type { Explained, Permit } from "../../../queues/client.ts";
import type { Reason } from "../../../queues/index.ts";
import { shareOf, stepOfJob } from "../limits/permits.ts";
import { forecast } from "./forecast.ts";
import type { Moment } from "./scene.ts";
import type { Eta, Holder, WhyReason } from "./why.ts";

/** Holders that are named; the rest of a long list says nothing new. */
const MAX_HOLDERS = 20;

/** What keeps a job, who has what is missing, and until when. */
export interface Outlook {
  readonly reasons: readonly WhyReason[];
  readonly holders: readonly Holder[];
  readonly eta: Eta;
}

/** An answer to which there is no time. */
export const unknown = (basis: string): Eta => ({ atMs: null, basis: `unknown: ${basis}` });

/** What keeps a job of a tool that waits in its queue, or the next one when nothing says where it stands. */
export function outlookOf(tool: string, explained: Explained, moment: Moment): Outlook {
  const serving = moment.serving(tool);
  if (serving.size === 0)
    return bare({ kind: "no_worker", tool }, unknown("no live worker serves the tool"));
  if (explained.paused)
    return bare({ kind: "paused_queue", tool }, unknown("somebody has to resume the queue"));
  const ahead = explained.ahead === false ? 0 : (explained.ahead ?? 0);
  const position: WhyReason[] = ahead > 0 ? [{ kind: "position", tool, ahead }] : [];
  const played = forecast(moment.scene(tool, explained, ahead + 1));
  const kept =
    explained.free === true
      ? []
      : gateReasons(explained, serving, played.machine ?? undefined).map(asTold);
  const reasons = [...kept, ...position];
  if (reasons.length === 0)
    return bare({ kind: "starting" }, { atMs: explained.now, basis: "nothing keeps it" });
  const holders = kept.flatMap((reason) => holdersOf(tool, reason, moment));
  const concerned = new Set([tool, ...holders.map((one) => one.tool ?? "")]);
  const of = (tools: readonly string[]): readonly string[] => {
    const some = tools.filter((one) => concerned.has(one));
    return some.length > 0 ? some : tools;
  };
  const relative = { ...played, after: of(played.after), unknown: of(played.unknown) };
  return {
    reasons,
    holders: holders.slice(0, MAX_HOLDERS),
    eta: etaOf(tool, explained, moment, { reasons, ahead, played: relative }),
  };
}

/** One reason that nobody in particular is behind. */
export const bare = (reason: WhyReason, eta: Eta): Outlook => ({
  reasons: [reason],
  holders: [],
  eta,
});

/** It waits only where every machine that serves it refuses: those of the one that is free first. */
function gateReasons(
  explained: Explained,
  serving: ReadonlySet<string>,
  first: string | undefined,
): readonly Reason[] {
  if (!explained.known || explained.waiting === 0) return [];
  const found = [...serving]
    .map((machine) => ({ machine, reasons: explained.machines[machine] ?? [] }))
    .toSorted((a, b) => a.reasons.length - b.reasons.length || (a.machine < b.machine ? -1 : 1));
  if (found[0]?.reasons.length === 0) return [];
  const chosen = found.find(({ machine }) => machine === first) ?? found[0];
  return chosen?.reasons ?? [];
}

/** Shares instead of millionths. */
function asTold(reason: Reason): Reason {
  if (reason.kind !== "resource") return reason;
  const { need, free, ...rest } = reason;
  return {
    ...rest,
    ...(need === undefined ? {} : { need: shareOf(need) }),
    ...(free === undefined ? {} : { free: shareOf(free) }),
  };
}

interface Found {
  readonly reasons: readonly WhyReason[];
  readonly ahead: number;
  readonly played: ReturnType<typeof forecast>;
}

/** The latest of what has to pass. */
function etaOf(tool: string, explained: Explained, moment: Moment, found: Found): Eta {
  const { reasons, ahead, played } = found;
  const times: { atMs: number; basis: string }[] = [];
  for (const reason of reasons) {
    if (reason.kind === "degraded")
      return unknown(`nobody knows when the deployment leaves level ${reason.level}`);
    if (reason.kind === "exceeds")
      return unknown(`it needs more of ${reason.budget} than there is in all`);
    if (reason.kind === "cool_down" || (reason.kind === "breaker" && reason.state === "open"))
      times.push({ atMs: reason.untilMs, basis: "exact" });
  }
  for (const rate of explained.rates)
    if (rate.atMs > explained.now) times.push({ atMs: rate.atMs, basis: "exact" });
  if (played.atMs === null) return unknown(whyNot(played.unknown, moment));
  if (played.atMs > explained.now)
    times.push({ atMs: played.atMs, basis: basisOf(played.after, moment) });
  const takes = explained.take;
  const limited = takes !== undefined && Object.keys(takes.units).length + takes.budgets.length > 0;
  if (ahead > 0 && !limited && times.length === 0)
    return unknown(`calls of ${tool} have no limits, and nobody counts how long they take`);
  const latest = times.toSorted((a, b) => b.atMs - a.atMs)[0];
  if (latest !== undefined) return latest;
  const [overdue] = played.after;
  // What has to end first could have ended already: that is no time.
  if (overdue !== undefined) return unknown(overdueText(overdue, moment));
  return { atMs: explained.now, basis: "as soon as a worker asks" };
}

function basisOf(tools: readonly string[], moment: Moment): string {
  const assumed = tools.slice(0, 3).map((tool) => {
    const calls = moment.service(tool)?.calls ?? 0;
    return `mean of ${calls} calls of ${tool}`;
  });
  return assumed.length === 0 ? "exact" : assumed.join(", ");
}

function overdueText(tool: string, moment: Moment): string {
  const calls = moment.service(tool)?.calls ?? 0;
  return `a call of ${tool} that has to end has taken longer than the mean of ${calls} calls`;
}

function whyNot(tools: readonly string[], moment: Moment): string {
  const tool = tools[0];
  if (tool === undefined) return "nothing that runs will make room for it";
  return Number.isFinite(moment.serviceMs(tool))
    ? `a call of ${tool} has taken more than twice as long as others do`
    : `fewer than 5 calls of ${tool} have ended, which is too few for a mean`;
}

/** Who has what a reason misses. */
function holdersOf(tool: string, reason: WhyReason, moment: Moment): Holder[] {
  const among = (of: string, has: (permit: Permit) => number): Holder[] =>
    moment.gate.permits.flatMap((permit) => {
      const amount = has(permit);
      return amount > 0 ? [holderOf(permit, of, amount)] : [];
    });
  const { kind } = reason;
  if (kind === "slots")
    return among(
      reason.budget,
      ({ budgets }) => budgets.find(([name]) => name === reason.budget)?.[1] ?? 0,
    );
  if (kind === "resource")
    return among(`${reason.resource} of ${reason.machine}`, (permit) =>
      permit.machine === reason.machine ? shareOf(permit.units[reason.resource] ?? 0) : 0,
    );
  if (kind === "knee") return among(tool, (permit) => (permit.tool === tool ? 1 : 0));
  if (kind === "ramp")
    return among(reason.upstream, (permit) => (permit.upstream === reason.upstream ? 1 : 0));
  if (kind === "breaker")
    return among(`trial calls of ${tool}`, (permit) =>
      permit.probe && permit.tool === tool ? 1 : 0,
    );
  if (kind === "drain")
    return [{ of: `${reason.resource} of ${reason.machine}`, tool: reason.tool }];
  return kind === "behind" ? [{ of: reason.budget, tool: reason.tool }] : [];
}

function holderOf(permit: Permit, of: string, amount: number): Holder {
  const { tool, machine, process, sinceMs, job } = permit;
  const step = job === null ? null : stepOfJob(job);
  return { of, amount, tool, machine, process, ...step, sinceMs };
}

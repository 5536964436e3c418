import { iso } from "../../../config/index.ts";
import { levelOf, ownerOf } from "../../../queues/client.ts";
import type { Eta, Holder, WhyReason } from "./why.ts";

/** Names in a list before the rest is only counted. */
const MAX_NAMES = 3;

/** What is answered, as one sentence. */
export function sentenceOf(
  subject: string,
  why: {
    readonly reasons: readonly WhyReason[];
    readonly holders: readonly Holder[];
    readonly eta: Eta;
    readonly nowMs: number;
  },
): string {
  const { reasons, holders, eta, nowMs } = why;
  const [first] = reasons;
  if (first?.kind === "ended") return `${subject} has ended: ${first.state}.`;
  if (first?.kind === "idle") return `${subject} waits for nothing: no job of it is in the queue.`;
  if (first?.kind === "starting") return `${subject} waits for nothing: a worker takes it next.`;
  if (first?.kind === "running") {
    const { sinceMs } = first;
    const since = sinceMs === null ? "" : `, for ${span(Math.max(0, nowMs - sinceMs))} now`;
    return `${subject} runs${since}${etaText(eta, nowMs, "ends")}.`;
  }
  const waits = [...new Set(reasons.map((reason) => phraseOf(reason)))].join(", and for ");
  return `${subject} waits for ${waits}${holdersText(holders, nowMs)}${etaText(eta, nowMs, "free")}.`;
}

/** What is said of somebody, without the name. */
export interface Said {
  readonly subject: string;
  readonly sentence: string;
}

/** Sentences about several, of which those that say the same of different ones are one. */
export function sayOnce(all: readonly Said[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { subject, sentence } of all) {
    const rest = sentence.startsWith(`${subject} `) ? sentence.slice(subject.length + 1) : sentence;
    groups.set(rest, [...(groups.get(rest) ?? []), subject]);
  }
  return [...groups].map(([rest, subjects]) =>
    subjects.length === 1 ? `${subjects[0]} ${rest}` : `${named(subjects)} each ${plural(rest)}`,
  );
}

const plural = (rest: string): string =>
  rest.replace(/^(waits|runs|has)\b/, (verb) => (verb === "has" ? "have" : verb.slice(0, -1)));

/** What a reason waits for, behind "waits for". */
function phraseOf(reason: WhyReason): string {
  switch (reason.kind) {
    case "degraded":
      return `the deployment to leave level ${levelOf(reason.level)}`;
    case "breaker":
      return reason.state === "open"
        ? `its breaker, which is open until ${clock(reason.untilMs)}`
        : `${reason.probes} trial ${reason.probes === 1 ? "call" : "calls"} that its half-open breaker lets through`;
    case "cool_down":
      return `${reason.upstream}, which asked to be left alone until ${clock(reason.untilMs)}`;
    case "ramp":
      return `${reason.upstream}, which after its pause takes ${counted(reason.allowed, "call")} at once for now`;
    case "knee":
      return `one of the ${counted(reason.limit, "call")} at once that the service was seen to carry`;
    case "exceeds":
      return `more than there is: ${reason.need} of ${budgetText(reason.budget)}, which has ${reason.capacity}${reason.durationMs === undefined ? "" : ` in ${span(reason.durationMs)}`}`;
    case "slots":
      return `${reason.need} of ${counted(reason.capacity, "slot")} of ${budgetText(reason.budget)} (${reason.free} free)`;
    case "rate":
      return `${budgetText(reason.budget)}, whose ${reason.capacity} units in ${span(reason.durationMs)} are used up`;
    case "behind":
      return `${reason.tool}, which is before it in the line for ${budgetText(reason.budget)}`;
    case "resource":
      return reason.need === undefined
        ? `machine ${reason.machine} to come out of its ${reason.resource}`
        : `${reason.need} ${reason.resource} of machine ${reason.machine} (${reason.free ?? 0} free)`;
    case "drain":
      return `${reason.resource} of machine ${reason.machine}, which is kept for ${reason.tool}`;
    case "admission":
      return `its turn among the runs of ${reason.tenant}: ${reason.atWork} are at work, ${reason.ahead} wait before it`;
    case "away":
      return `something of it that can start: its place among the runs of ${reason.tenant} went to another`;
    case "serial":
      return `its turn among the runs with the word ${JSON.stringify(reason.word)}: ${reason.ahead} wait before it`;
    case "dependency":
      return `${named(reason.steps)} to end${reason.root === null ? "" : ` (${clause(reason.root.sentence)})`}`;
    case "approval":
      return `an approval (${reason.message})`;
    case "event":
      return `the event ${reason.name}`;
    case "timer":
      return `its time, ${clock(reason.untilMs)}`;
    case "paused_run":
      return `the run to go on, which ${reason.by} paused`;
    case "paused_queue":
      return `the queue of ${reason.tool} to go on, which is paused`;
    case "retry":
      return `its next attempt after ${counted(reason.attempts, "failed call")} (${reason.error})`;
    case "width":
      return `a place among the ${counted(reason.width, "call")} that its run may have underway, ${reason.ahead} before it`;
    case "no_worker":
      return `a worker that serves ${reason.tool}; none is alive`;
    case "position":
      return `${counted(reason.ahead, "job")} of ${reason.tool} before it`;
    case "sub_run":
      return `run ${reason.runId}${reason.root === null ? "" : ` (${clause(reason.root.sentence)})`}`;
    case "items":
      return `${counted(reason.open, "item")} of it to end${reason.root === null ? "" : ` (${clause(reason.root.sentence)})`}`;
    case "stopping":
      return `${reason.steps.length === 0 ? "its last jobs" : named(reason.steps)} to end, as it is being stopped`;
    case "steps":
      return named(reason.steps);
    case "starting":
    case "running":
    case "idle":
    case "ended":
      return "nothing";
  }
}

function holdersText(holders: readonly Holder[], nowMs: number): string {
  const names = [...new Set(holders.map((one) => holderText(one, nowMs)))];
  if (names.length === 0) return "";
  const rest = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return `; held by ${names.slice(0, MAX_NAMES).join(", ")}${rest}`;
}

function holderText({ tool, runId, step, machine, sinceMs }: Holder, nowMs: number): string {
  const facts = [
    runId === undefined || tool === undefined
      ? undefined
      : `run ${runId}${step === undefined ? "" : ` step ${step}`}`,
    runId === undefined && machine !== undefined ? `on ${machine}` : undefined,
    sinceMs === undefined ? undefined : `for ${span(Math.max(0, nowMs - sinceMs))}`,
  ].filter((fact) => fact !== undefined);
  const name = tool ?? `run ${runId ?? "?"}`;
  return facts.length === 0 ? name : `${name} (${facts.join(", ")})`;
}

function etaText({ atMs, basis }: Eta, nowMs: number, verb: "free" | "ends"): string {
  if (atMs === null) return `; ${basis}`;
  if (basis === "exact")
    return `; ${verb} at ${clock(atMs)}, in ${span(Math.max(0, atMs - nowMs))}`;
  if (atMs <= nowMs) return verb === "ends" ? `; ends any moment (${basis})` : `; it goes ${basis}`;
  return `; ${verb} at about ${clock(atMs)}, in ${span(atMs - nowMs)} (${basis})`;
}

/** The private budget of a tool is called by what it limits. */
function budgetText(name: string): string {
  const owner = ownerOf(name);
  return owner === undefined ? name : `${owner}'s own limit`;
}

const clause = (sentence: string): string => sentence.replace(/\.$/, "");

const counted = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? "" : "s"}`;

function named(names: readonly string[]): string {
  if (names.length > MAX_NAMES)
    return `${names.slice(0, MAX_NAMES).join(", ")} and ${names.length - MAX_NAMES} more`;
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The time of day, as clocks in UTC show it; with the date when it is not today. */
function clock(atMs: number): string {
  return `${iso(atMs).slice(0, 19).replace("T", " ")} UTC`;
}

/** A time that people can read at a glance. */
function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 6_000) / 10} min`;
  return `${Math.round(ms / 360_000) / 10} h`;
}

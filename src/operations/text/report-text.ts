import { iso } from "../../../config/index.ts";
import type { FindingKind } from "../../optimizer/findings/finding.ts";
import type { Alert } from "../../optimizer/metrics/alerts.ts";
import type { AuditEntry } from "../../optimizer/service/audit.ts";
import type { Bottleneck, OptimizerReport } from "../../optimizer/think.ts";
import type { Adjustment } from "../../optimizer/tuning/adjustment.ts";
import { table, duration } from "./table.ts";

const percent = (share: number | null): string =>
  share === null ? "unknown" : `${Math.round(share * 1_000) / 10} %`;

const time = (ms: number | null): string => (ms === null ? "unknown" : duration(ms));

/** What a pass saw, for people. */
export function reportText(report: OptimizerReport | null): string {
  if (report === null)
    return "Nothing was sampled yet: start a worker, and ask again some seconds later.";
  const { metrics, health, windowMs } = report;
  const uses = Object.entries(metrics.utilization)
    .map(([name, use]) => `${name} ${percent(use)}`)
    .join(", ");
  return [
    health === null
      ? `health unknown: ${metrics.calls === 0 ? "no call has ended" : "no use of any machine is known"} in the last ${duration(windowMs)}`
      : `health ${health.score.toFixed(3)} (${health.level})`,
    callsLine(report),
    ...lateLines(report.late),
    ...(uses === "" ? [] : [`use of the busiest machine: ${uses}`]),
    ...canaryLines(report.canary),
    ...bottleneckLines(report.bottlenecks),
    ...report.cacheHints.map(
      ({ tool, calls, hitShare, sparedMs }) =>
        `a cache may pay for ${tool}: ${percent(hitShare)} of its ${calls} calls in about an hour had an input as before; they took ${duration(sparedMs)}`,
    ),
    ...proposalLines(report.adjustments.proposed),
    ...aimLines(report.aims),
    ...report.adjustments.wishes.map(
      ({ tool, to, by, target }) =>
        `to come: concurrency of ${tool} to ${to}, as ${by} asked for ${target}`,
    ),
    ...report.alerts.standing.map(alertLine),
  ].join("\n");
}

function aimLines({ targets, planned }: OptimizerReport["aims"]): string[] {
  return Object.entries(targets).map(([tool, target]) => {
    const last = planned.find((wish) => wish.tool === tool);
    const asked = last === undefined ? "" : `; the last one asked for ${last.to} calls at once`;
    return `${tool} is changed by plans for ${target}, which its runs aim at${asked}`;
  });
}

function callsLine({ metrics, degradation, windowMs }: OptimizerReport): string {
  const { calls, successRate, responseTimeMs, waitP95Ms } = metrics;
  if (calls === 0) return `no calls in ${duration(windowMs)}`;
  const soon = waitP95Ms === null ? "" : `, 95 of 100 began within ${duration(waitP95Ms)}`;
  const usual =
    degradation === null ? "" : ` (${degradation.toFixed(2)} times as long as in the last hour)`;
  return `${calls} calls in ${duration(windowMs)}: ${percent(successRate)} went well, mean ${time(responseTimeMs)}${usual}${soon}`;
}

function lateLines(late: OptimizerReport["late"]): string[] {
  if (late === null) return [];
  const { afterMs, unseenMs } = late;
  const unseen = unseenMs > 0 ? `; ${duration(unseenMs)} of that were not looked at` : "";
  return [`this pass came late, ${duration(afterMs)} after the one before${unseen}`];
}

function canaryLines(canary: OptimizerReport["canary"]): string[] {
  if (canary === null) return [];
  const { workflowId, last, failed, runs } = canary;
  const ended = last.tookMs === null ? "" : ` in ${duration(last.tookMs)}`;
  const why = last.reason === undefined ? "" : ` (${last.reason})`;
  return [
    `canary ${workflowId}: ${last.state}${ended}${why}; ${failed} of the last ${runs} did not complete`,
  ];
}

function bottleneckLines(bottlenecks: readonly Bottleneck[]): string[] {
  if (bottlenecks.length === 0) return ["no bottleneck"];
  const rows = bottlenecks.map(({ tool, kind, culprit, machine, since, reliefMs, evidence }) => [
    tool,
    WORDS[kind],
    machine === undefined ? (culprit ?? "") : `${culprit}, by others on ${machine}`,
    reliefMs === null ? "" : duration(reliefMs),
    String(evidence.waiting),
    evidence.drainMs === null ? "" : duration(evidence.drainMs),
    since,
  ]);
  return [
    table(["BOTTLENECK", "WHY", "OF", "SHORTENS RUNS BY", "WAITING", "DRAINS IN", "SINCE"], rows),
  ];
}

function proposalLines(proposed: Adjustment | undefined): string[] {
  if (proposed === undefined) return [];
  const { tool, what, from, to, foretold } = proposed;
  const gain =
    foretold === undefined
      ? ""
      : `; in the model ${foretold.gain.toFixed(2)} times as many calls end (${foretold.low.toFixed(2)} to ${foretold.high.toFixed(2)})`;
  return [`would raise ${what} of ${tool} from ${from} to ${to}${gain}`];
}

const WORDS: Readonly<Record<FindingKind, string>> = {
  unserved: "no worker serves it",
  stuck_worker: "calls do not come back on one machine",
  downstream_saturated: "the service behind it is slow or full",
  failing: "calls fail",
  rate_limited: "a rate is used up",
  resource_bound: "machines or a shared budget are full",
  dependency_bound: "too little comes to it from the tool before it",
  under_provisioned: "it may not run more calls at once",
};

/** What was changed, for people. */
export function historyText(entries: readonly AuditEntry[]): string {
  if (entries.length === 0) return "Nothing was changed yet.";
  const rows = entries.map((entry) => {
    const { id, tool, what, from, to } = entry.adjustment;
    const at = iso(entry.atMs);
    return [
      at,
      String(id),
      tool,
      `${what} ${from ?? "none"} -> ${to ?? "none"}`,
      ...storyOf(entry),
    ];
  });
  return table(["AT", "ID", "TOOL", "CHANGE", "WHAT", "WHY"], rows);
}

function storyOf(entry: AuditEntry): [what: string, why: string] {
  switch (entry.event) {
    case "made":
      return ["made", whyOf(entry.adjustment)];
    case "declined":
      return ["declined", entry.reason];
    case "learned":
      return ["learned", entry.adjustment.why];
    case "measured":
      return [entry.verdict === "kept" ? "measured" : "taken back", effectText(entry.effect)];
    case "rolled_back":
      return ["rolled back", `by ${entry.by}`];
    case "judged": {
      const { effect, reason, verdict } = entry;
      return [
        verdict,
        `${reason}: ${ratesOf(effect)}, gain ${effect.gain.toFixed(2)}, bar ${effect.bar.toFixed(2)}`,
      ];
    }
  }
}

const effectText = (effect: Extract<AuditEntry, { event: "measured" }>["effect"]): string =>
  effect === null
    ? "no call ended in its time"
    : `${ratesOf(effect)}, gain ${effect.gain.toFixed(2)}`;

const ratesOf = ({
  beforePerS,
  afterPerS,
}: {
  readonly beforePerS: number;
  readonly afterPerS: number;
}): string => `${beforePerS.toFixed(1)} -> ${afterPerS.toFixed(1)} calls a second`;

const whyOf = ({ why, asked }: Adjustment): string =>
  asked === undefined ? why : `${why}; asked for by ${asked.by}, for ${asked.target}`;

/** How readings of alerts are told that are no shares. */
const SAYS: Readonly<Record<string, (value: number) => string>> = {
  response_time: time,
  performance_degradation: (ratio) => `${ratio.toFixed(2)} times as long as in the last hour`,
  canary: (runs) => `${runs} in a row did not complete`,
};

function alertLine({ name, value, threshold, since }: Alert): string {
  const say = SAYS[name] ?? percent;
  return `alert ${name}: ${say(value)}, above ${say(threshold)}, since ${since}`;
}

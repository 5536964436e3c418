import { actionText } from "../../src/operations/text/plans-text.ts";
import type { Plan } from "../../src/optimizer/service/planning.ts";
import type { Coursed } from "./courses/courses.ts";
import type { Scores } from "./faults/scores.ts";
import type { LoadGain, Ratio } from "./gains/gains.ts";

const line = (cells: readonly (string | number | null)[]): string =>
  `| ${cells.map((cell) => cell ?? "-").join(" | ")} |`;
const rule = (count: number): string => line(Array.from({ length: count }, () => "---"));

/** The tables of docs/optimizer.md. */
export function printScores(scores: Scores): string {
  const columns = [...new Set(Object.values(scores.confusion).flatMap((row) => Object.keys(row)))];
  return [
    line(["done \\ said", ...columns]),
    rule(columns.length + 1),
    ...Object.entries(scores.confusion).map(([name, row]) =>
      line([name, ...columns.map((column) => row[column] ?? 0)]),
    ),
    "",
    line(["class", "precision", "recall", "culprit named", "delay p50 s", "p90 s", "n"]),
    rule(7),
    ...Object.entries(scores.classes).map(
      ([kind, { precision, recall, named, delayP50S, delayP90S, n }]) =>
        line([kind, precision, recall, named, delayP50S, delayP90S, n]),
    ),
    "",
    `macro precision ${scores.single.precision}, recall ${scores.single.recall}; two faults at once ${scores.double.precision}, ${scores.double.recall}`,
    `culprit named ${scores.named}; median delay ${scores.delayP50S} s; healthy episodes with a lasting alarm ${scores.sustained.join(" of ")}; looks at sound tools with an alarm ${scores.falseLooks.join(" of ")}`,
  ].join("\n");
}

const HEADS = [
  "load",
  "bound s",
  "bare s",
  "gate s",
  "optimizer s",
  "to bare",
  "to gate",
  "made",
  "reverted",
];

/** Makespans, and their ratios with intervals. */
export function printGains(gains: readonly LoadGain[]): string {
  const told = ({ ratio, low, high, pairs }: Ratio): string =>
    low === null ? `${ratio} (n ${pairs})` : `${ratio} [${low}, ${high}] (n ${pairs})`;
  return [
    line(HEADS),
    rule(HEADS.length),
    ...gains.map(
      ({ load, boundS, makespanS: { bare, gate, optimizer }, toBare, toGate, made, reverted }) =>
        line([load, boundS, bare, gate, optimizer, told(toBare), told(toGate), made, reverted]),
    ),
  ].join("\n");
}

/** Courses as they are, the plans as a table. */
export function printCourses(all: readonly Coursed[]): string {
  return all
    .map((one) => (one.course === "plans" ? printPlans(one.plans) : JSON.stringify(one)))
    .join("\n\n");
}

function printPlans(plans: readonly Plan[]): string {
  const heads = ["strategy", "target", "ended", "wait s", "waiting", "machines", "changes"];
  return [
    line(heads),
    rule(heads.length),
    ...plans.map(({ strategy, target, actions, after }) =>
      line([
        strategy,
        target,
        after.ended,
        after.waitMs === null ? null : after.waitMs / 1_000,
        after.waiting,
        after.machines,
        actions.map(actionText).join(", "),
      ]),
    ),
  ].join("\n");
}

import type { RunAnalysis, Recommendation } from "../../runs/analysis/analyze.ts";
import { takeOverText, compensationText } from "./run-text.ts";
import { table, duration } from "./table.ts";

/** An analysis, for people. */
export function analysisText(analysis: RunAnalysis): string {
  const { totalMs, criticalPath, pathWaitMs, pathRunMs, steps, recommendations } = analysis;
  if (steps.length === 0) return ["no step has ended yet", ...undoneText(analysis)].join("\n");
  const rows = steps.map(({ step, tool = "", waitMs, runMs, attempts, slackMs }) => [
    step,
    tool,
    duration(waitMs),
    duration(runMs),
    String(attempts),
    criticalPath.includes(step) ? "critical" : duration(slackMs),
  ]);
  return [
    `${duration(totalMs)} in all; critical path ${criticalPath.join(" > ")}: ${duration(pathWaitMs)} waiting, ${duration(pathRunMs)} running`,
    table(["STEP", "TOOL", "WAITED", "RAN", "ATTEMPTS", "SLACK"], rows),
    ...steps.flatMap(({ step, reason }) =>
      reason === undefined ? [] : [`${step} waited for ${reason}`],
    ),
    ...steps.flatMap(({ step, takeOvers = [] }) =>
      takeOvers.map((one) => `${step}: ${takeOverText(one)}`),
    ),
    ...undoneText(analysis),
    ...recommendations.map(recommendationText),
  ].join("\n");
}

function undoneText({ compensation = [], undoMs }: RunAnalysis): string[] {
  if (compensation.length === 0) return [];
  const time = undoMs == null ? "" : ` in ${duration(undoMs)}`;
  return [`undone behind that${time}:`, ...compensation.map((one) => `  ${compensationText(one)}`)];
}

function recommendationText(one: Recommendation): string {
  switch (one.kind) {
    case "waiting":
      return `${one.step} waited ${duration(one.ms)} for ${one.tool ?? "a worker"}: ${one.reason === undefined ? "see tutti optimize report" : `kept by ${one.reason}`}`;
    case "retries":
      return `${one.step} took ${one.attempts} attempts, ${duration(one.ms)} in all`;
    case "longest":
      return `${one.step} alone took ${duration(one.ms)}`;
    case "order_only": {
      const pairs = one.pairs.map(([before, after]) => `${after} behind ${before}`).join(", ");
      return `where order does not matter it would have ended ${duration(one.ms)} sooner: nothing is taken from the step before in ${pairs}`;
    }
    case "independent": {
      const pairs = one.pairs.map(([before, after]) => `${before} and ${after}`).join(", ");
      return `without their order it would have ended ${duration(one.ms)} sooner: ${pairs} do not need each other`;
    }
  }
}

import type { Simulation } from "../../optimizer/service/simulation.ts";
import type { Difference, ToolComparison } from "../../optimizer/simulation/compare.ts";
import { table, duration } from "./table.ts";

/** What a change would have done, for people. */
export function simulationText({ recordedMs, plays, unknown, tools }: Simulation): string {
  const head = `the load of the last ${duration(recordedMs)}, played ${plays} times`;
  const rows = Object.entries(tools).map(([tool, compared]) => rowOf(tool, compared));
  return [
    head,
    rows.length === 0
      ? "it would have made no difference"
      : table(["TOOL", "CALLS THAT END", "DIFFERENCE", "MEAN WAIT", "DIFFERENCE"], rows),
    ...(unknown.length === 0
      ? []
      : [`not played, as nobody knows how long their calls take: ${unknown.join(", ")}`]),
  ].join("\n");
}

function rowOf(tool: string, { before, after, ended, waitMs }: ToolComparison): string[] {
  const wait = (ms: number | null): string => (ms === null ? "none began" : duration(ms));
  const signed = (ms: number): string => `${ms < 0 ? "-" : "+"}${duration(Math.abs(ms))}`;
  const count = (value: number): string => `${value < 0 ? "-" : "+"}${Math.abs(Math.round(value))}`;
  const differenceText = (
    { mean, low, high }: Difference,
    text: (value: number) => string,
  ): string => `${text(mean)} (${text(low)} to ${text(high)})`;
  return [
    tool,
    `${Math.round(before.ended)} -> ${Math.round(after.ended)}`,
    differenceText(ended, count),
    `${wait(before.meanWaitMs)} -> ${wait(after.meanWaitMs)}`,
    waitMs === null ? "" : differenceText(waitMs, signed),
  ];
}

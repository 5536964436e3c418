import { ValidationError, type Issue } from "../../../config/index.ts";
import type { ToolHandler } from "../calling/binding.ts";
import { chartInput, type Chart } from "./chart-input.ts";
import { drawRows } from "./chart-rows.ts";
import { drawChart } from "./chart-svg.ts";
import type { ToolFiles } from "./tool-files.ts";

/** @throws ValidationError when names, values and starts do not match. */
function checkChart(chart: Chart): void {
  const issues: Issue[] = chart.series.flatMap(({ name, values }, index) =>
    values.length === chart.labels.length
      ? []
      : [
          {
            code: "input_invalid" as const,
            message: `expected ${chart.labels.length} values in "${name}", one for each label, got: ${values.length}`,
            path: ["series", index, "values"],
          },
        ],
  );
  if (chart.starts !== undefined && chart.starts.length !== chart.labels.length) {
    issues.push({
      code: "input_invalid",
      message: `expected ${chart.labels.length} starts, one for each label, got: ${chart.starts.length}`,
      path: ["starts"],
    });
  }
  if (chart.kind === "rows" && chart.series.length > 1) {
    issues.push({
      code: "input_invalid",
      message: `expected one series in a chart of rows, got: ${chart.series.length}`,
      path: ["series"],
    });
  }
  if (issues.length > 0) throw new ValidationError(issues);
}

const svg =
  (files: ToolFiles): ToolHandler =>
  (input, { signal }) => {
    const { path, ...chart } = chartInput.parse(input);
    checkChart(chart);
    return files.write(path, chart.kind === "rows" ? drawRows(chart) : drawChart(chart), signal);
  };

export const chartTools = (files: ToolFiles) =>
  ({ "chart.svg": svg(files) }) satisfies Record<string, ToolHandler>;

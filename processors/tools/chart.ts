import { z } from "zod";

import { ValidationError } from "../../config/index.ts";
import type { ToolHandler } from "../bindings/binding.ts";
import { drawChart } from "./chart-svg.ts";
import { writeFileAtOnce } from "./write-file.ts";

const chartInput = z.object({
  path: z.string(),
  title: z.string(),
  description: z.string().optional(),
  kind: z.enum(["bar", "line"]),
  labels: z.array(z.string()).min(1),
  series: z.array(z.object({ name: z.string(), values: z.array(z.number().nullable()) })).min(1),
  unit: z.string().optional(),
  width: z.number().default(800),
  height: z.number().default(400),
});

/** What a chart shows. A `null` value is a gap: nothing is drawn where nothing was measured. */
export type Chart = Omit<z.output<typeof chartInput>, "path">;

const svg: ToolHandler = (input, { signal }) => {
  const { path, ...chart } = chartInput.parse(input);
  const issues = chart.series.flatMap(({ name, values }, index) =>
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
  if (issues.length > 0) throw new ValidationError(issues);
  return writeFileAtOnce(path, drawChart(chart), signal);
};

export const chartTools = { "chart.svg": svg } satisfies Record<string, ToolHandler>;

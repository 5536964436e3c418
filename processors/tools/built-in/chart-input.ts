import * as z from "zod";

export const chartInput = z.object({
  path: z.string(),
  title: z.string(),
  description: z.string().optional(),
  kind: z.enum(["bar", "line", "rows"]),
  labels: z.array(z.string()).min(1),
  series: z.array(z.object({ name: z.string(), values: z.array(z.number().nullable()) })).min(1),
  starts: z.array(z.number()).optional(),
  unit: z.string().optional(),
  width: z.number().default(800),
  height: z.number().default(400),
});

/** What a chart shows. A `null` value is a gap: nothing is drawn where nothing was measured. */
export type Chart = Omit<z.output<typeof chartInput>, "path">;

import * as z from "zod";

import type { ToolHandler } from "../calling/binding.ts";

const describeInput = z.object({ values: z.array(z.number()) });

/** Between the two nearest samples, in proportion (the way of numpy and spreadsheets); null without samples. */
function quantile(sorted: readonly number[], share: number): number | null {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) return null;
  return below + (above - below) * (place - Math.floor(place));
}

/** In two passes: a sum of squares in one would lose everything when values are large and close. */
function meanAndDeviation(values: readonly number[]): [mean: number | null, stddev: number | null] {
  const count = values.length;
  if (count === 0) return [null, null];
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return [mean, null];
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return [mean, Math.sqrt(squares / (count - 1))];
}

/** `stddev` is that of a sample (n - 1), so one value has none. */
const describe: ToolHandler = (input) => {
  const { values } = describeInput.parse(input);
  const sorted = values.toSorted((a, b) => a - b);
  const [mean, stddev] = meanAndDeviation(values);
  return {
    count: values.length,
    min: sorted[0] ?? null,
    max: sorted.at(-1) ?? null,
    mean,
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p95: quantile(sorted, 0.95),
    stddev,
  };
};

export const statsTools = { "stats.describe": describe } satisfies Record<string, ToolHandler>;

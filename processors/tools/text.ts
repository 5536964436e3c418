import { z } from "zod";

import type { ToolHandler } from "../bindings/binding.ts";

const tallyInput = z.object({ items: z.array(z.string()), top: z.number().optional() });

/** By code unit, so that the order does not depend on the machine's language. */
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const tally: ToolHandler = (input) => {
  const { items, top } = tallyInput.parse(input);
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  const sorted = [...counts]
    .map(([value, count]) => ({ value, count }))
    .toSorted((a, b) => b.count - a.count || byText(a.value, b.value));
  return { total: items.length, distinct: counts.size, counts: sorted.slice(0, top) };
};

export const textTools = { "text.tally": tally } satisfies Record<string, ToolHandler>;

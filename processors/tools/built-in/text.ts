import * as z from "zod";

import { TuttiError, type Json } from "../../../config/index.ts";
import type { ToolHandler } from "../calling/binding.ts";

const tallyInput = z.object({ items: z.array(z.string()), top: z.number().optional() });
const recordsInput = z.object({
  lines: z.array(z.string()),
  separator: z.string(),
  fields: z.array(z.string()),
  numbers: z.array(z.string()),
});
const measureInput = z.object({ names: z.array(z.string()), texts: z.array(z.string()) });

/** By code unit, so that the order does not depend on the machine's language. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const tally: ToolHandler = (input) => {
  const { items, top } = tallyInput.parse(input);
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  const sorted = [...counts]
    .map(([value, count]) => ({ value, count }))
    .toSorted((a, b) => b.count - a.count || byText(a.value, b.value));
  return { total: items.length, distinct: counts.size, counts: sorted.slice(0, top) };
};

/** The last field takes the rest of the line. A line that does not fit is counted, never guessed at. */
const records: ToolHandler = (input) => {
  const { lines, separator, fields, numbers } = recordsInput.parse(input);
  const isNumber = new Set(numbers);
  const found: Record<string, Json>[] = [];
  for (const line of lines) {
    const parts = line.split(separator);
    if (parts.length < fields.length) continue;
    const rest = parts.slice(fields.length - 1).join(separator);
    const values = [...parts.slice(0, fields.length - 1), rest];
    const record = Object.fromEntries(
      fields.map((name, index) => {
        const text = values[index] ?? "";
        return [name, isNumber.has(name) ? Number(text) : text];
      }),
    );
    if (numbers.every((name) => Number.isFinite(record[name]))) found.push(record);
  }
  return { records: found, skipped: lines.length - found.length };
};

/** The first heading of a Markdown text: `# Title`, or a line that is underlined. */
function headingOf(lines: readonly string[]): string | null {
  for (const [index, line] of lines.entries()) {
    const [, title] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
    if (title !== undefined && title !== "") return title;
    if (line.trim() !== "" && /^(=+|-{3,})\s*$/.test(lines[index + 1] ?? "")) return line.trim();
  }
  return null;
}

const measure: ToolHandler = (input) => {
  const { names, texts } = measureInput.parse(input);
  if (names.length !== texts.length) {
    throw new TuttiError(
      "input_invalid",
      `expected a name for each of ${texts.length} texts, got: ${names.length}`,
    );
  }
  const measured = texts.map((text, index) => {
    const lines = text.replace(/\n$/, "").split(/\r?\n/);
    return {
      name: names[index] ?? "",
      lines: text === "" ? 0 : lines.length,
      words: text.split(/\s+/).filter((word) => word !== "").length,
      heading: headingOf(lines),
    };
  });
  return { texts: measured };
};

export const textTools = {
  "text.tally": tally,
  "text.records": records,
  "text.measure": measure,
} satisfies Record<string, ToolHandler>;

import * as z from "zod";

import type { ToolHandler } from "../calling/binding.ts";
import type { ToolFiles } from "./tool-files.ts";

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const section = z.object({
  heading: z.string(),
  text: z.string().optional(),
  list: z.array(cell).optional(),
  table: z.object({ columns: z.array(z.string()), rows: z.array(z.array(cell)) }).optional(),
  image: z.string().optional(),
});
const reportInput = z.object({
  path: z.string(),
  title: z.string(),
  sections: z.array(section).default([]),
});

type Cell = z.output<typeof cell>;
type Section = z.output<typeof section>;

const oneLine = (text: string): string => text.replace(/\s*\r?\n\s*/g, " ").trim();

/** Values come from outside; in tables and lists they are text, never markup. `text` of a section is Markdown. */
function escaped(value: Cell): string {
  const text = value === null ? "" : oneLine(String(value));
  return text.replace(/[\\`*_[\]<>|#~]/g, String.raw`\$&`);
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function tableOf({ columns, rows }: NonNullable<Section["table"]>): string {
  const numeric = columns.map(
    (_, index) => rows.length > 0 && rows.every((row) => typeof row[index] === "number"),
  );
  return [
    line(columns.map(escaped)),
    line(numeric.map((isNumeric) => (isNumeric ? "--:" : "---"))),
    ...rows.map((row) => line(columns.map((_, index) => escaped(row[index] ?? null)))),
  ].join("\n");
}

/** `(` and blanks in a path would end the link. */
const linkTo = (path: string): string => `<${path.replace(/[<>\r\n]/g, encodeURIComponent)}>`;

function sectionOf({ heading, text, list, table, image }: Section): string[] {
  const parts = [`## ${escaped(heading)}`];
  if (text !== undefined && text.trim() !== "") parts.push(text.trim());
  if (list && list.length > 0) parts.push(list.map((item) => `- ${escaped(item)}`).join("\n"));
  if (table) parts.push(tableOf(table));
  if (image !== undefined) parts.push(`![${escaped(heading)}](${linkTo(image)})`);
  return parts;
}

const markdown =
  (files: ToolFiles): ToolHandler =>
  (input, { signal }) => {
    const { path, title, sections } = reportInput.parse(input);
    const parts = [`# ${escaped(title)}`, ...sections.flatMap(sectionOf)];
    return files.write(path, `${parts.join("\n\n")}\n`, signal);
  };

export const reportTools = (files: ToolFiles) =>
  ({ "report.markdown": markdown(files) }) satisfies Record<string, ToolHandler>;

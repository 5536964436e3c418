import * as z from "zod";

import type { JsonObject } from "../../../config/index.ts";
import type { ToolHandler } from "../calling/binding.ts";
import { byText } from "./text.ts";

const groupInput = z.object({
  rows: z.array(z.record(z.string(), z.json())),
  by: z.string(),
  part: z.enum(["whole", "extension", "folder"]),
  sum: z.array(z.string()),
  sortBy: z.string().optional(),
  top: z.number().optional(),
});

type Input = z.output<typeof groupInput>;

interface Group {
  readonly value: string;
  count: number;
  readonly sums: Record<string, number>;
}

const PARTS: Record<Input["part"], (value: string) => string> = {
  whole: (value) => value,
  /** A leading dot is part of the name: `.gitignore` has no extension. */
  extension: (path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const dot = name.lastIndexOf(".");
    return dot > 0 ? name.slice(dot).toLowerCase() : "";
  },
  folder: (path) => path.slice(0, Math.max(0, path.indexOf("/"))),
};

function groupsOf({ rows, by, part, sum }: Input): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const raw = row[by] ?? "";
    const value = PARTS[part](typeof raw === "string" ? raw : JSON.stringify(raw));
    let group = groups.get(value);
    if (group === undefined) {
      group = { value, count: 0, sums: Object.fromEntries(sum.map((name) => [name, 0])) };
      groups.set(value, group);
    }
    group.count++;
    for (const name of sum) {
      const amount = row[name];
      if (typeof amount === "number") group.sums[name] = (group.sums[name] ?? 0) + amount;
    }
  }
  return [...groups.values()];
}

/** What the rows of the groups beyond `top` add up to. */
function restOf(groups: readonly Group[], sum: readonly string[]): JsonObject {
  return {
    groups: groups.length,
    count: groups.reduce((total, group) => total + group.count, 0),
    sums: Object.fromEntries(
      sum.map((name) => [
        name,
        groups.reduce((total, group) => total + (group.sums[name] ?? 0), 0),
      ]),
    ),
  };
}

const group: ToolHandler = (input) => {
  const parsed = groupInput.parse(input);
  const { sum, sortBy, top = Infinity } = parsed;
  const weight = ({ count, sums }: Group): number =>
    sortBy === undefined ? count : (sums[sortBy] ?? count);
  const sorted = groupsOf(parsed).toSorted(
    (a, b) => weight(b) - weight(a) || byText(a.value, b.value),
  );
  return {
    total: parsed.rows.length,
    distinct: sorted.length,
    groups: sorted.slice(0, top).map(({ value, count, sums }) => ({ value, count, sums })),
    rest: restOf(sorted.slice(top), sum),
  };
};

export const dataTools = { "data.group": group } satisfies Record<string, ToolHandler>;

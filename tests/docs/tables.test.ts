import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { put, TABLES } from "../../scripts/tables.ts";

/** Cells, however wide the formatter made them. */
const cells = (text: string): string => text.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-");

test.for(TABLES)(
  "the table $name of $file is what the code says; `npm run tables` writes it anew",
  (table) => {
    const text = readFileSync(table.file, "utf8");
    expect(cells(text)).toBe(cells(put(text, table)));
  },
);

import { packages } from "../../../config/index.ts";
import type { Format } from "./formats.ts";

/** Where text goes: a process' stream, or a test's buffer. */
export interface Writer {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Data for stdout. JSON goes on one line per value, so that streams of values can be read line by line. */
export function render(value: unknown, format: Format, text: () => string): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(value)}\n`;
    case "yaml":
      return packages.yaml().stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
    case "text":
      return withNewline(text());
  }
}

function withNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

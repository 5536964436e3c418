import { packages } from "../../../config/index.ts";

/** Where text goes: a process' stream, or a test's buffer. */
export interface Writer {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** How data is printed. `text` is for people and may change. */
export const FORMATS = ["text", "json", "yaml"] as const;
export type Format = (typeof FORMATS)[number];

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

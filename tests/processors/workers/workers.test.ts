import { expect, test } from "vitest";

import { parseCatalogue } from "../../../config/index.ts";
import { concurrencyOf } from "../../../processors/index.ts";

function slots(more: string): number {
  const text = `tutti: 1\nallow: { commands: [git], hosts: ["*"] }\ntools: [{ id: t, name: T, category: foundation, capabilities: [testing], ${more} }]`;
  return concurrencyOf(parseCatalogue(text, "test")[0]!.spec);
}

test.each([
  ["a function", "binding: { type: in_process }", 200],
  ["a request", "binding: { type: http, url: https://example.com }", 50],
  ["a command", "binding: { type: command, command: git }", 8],
  ["a declared limit", "binding: { type: command, command: git }, limits: { concurrency: 30 }", 30],
  [
    "a declared limit that is less: the gate keeps it, and it may be raised",
    "binding: { type: command, command: git }, limits: { concurrency: 1 }",
    8,
  ],
  [
    "what fits by the largest share, when that is more",
    "binding: { type: command, command: git }, resources: { cpu: 0.01, memory: 0.05 }",
    20,
  ],
  [
    "ten times a tenth, whatever binary makes of it",
    "binding: { type: command, command: git }, resources: { cpu: 0.1 }",
    10,
  ],
])("calls at once in one worker: %s", (_what, declared, expected) => {
  expect(slots(declared)).toBe(expected);
});

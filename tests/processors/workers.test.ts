import { expect, test } from "vitest";

import { parseCatalogue } from "../../config/index.ts";
import { concurrencyOf } from "../../processors/index.ts";

function slots(more: string): number {
  const text = `tutti: 1\nallow: { commands: [git], hosts: ["*"] }\ntools: [{ id: t, name: T, category: foundation, capabilities: [testing], ${more} }]`;
  return concurrencyOf(parseCatalogue(text, "test")[0]!.spec);
}

test.each([
  ["a function", "binding: { type: in_process }", 200],
  ["a request", "binding: { type: http, url: https://example.com }", 50],
  ["a command", "binding: { type: command, command: git }", 8],
  ["a declared limit", "binding: { type: command, command: git }, limits: { concurrency: 30 }", 30],
  ["what fits by the largest share", "resources: { cpu: 0.1, memory: 0.25 }", 4],
  ["ten times a tenth, whatever binary makes of it", "resources: { cpu: 0.1 }", 10],
  ["more than half: one", "resources: { cpu: 0.6 }", 1],
  ["the smaller of share and limit", "resources: { cpu: 0.1 }, limits: { concurrency: 3 }", 3],
])("calls at once in one worker: %s", (_what, declared, expected) => {
  expect(slots(declared)).toBe(expected);
});

import * as fc from "fast-check";
import { expect } from "vitest";

import { checkPlainData, isTuttiError, parseDocument } from "../../../config/index.ts";

export const SAMPLE = `tutti: 1
id: health # a comment
inputs: { type: object, properties: { path: { type: string, default: "." } } }
shared: &retry
  maxAttempts: 3
steps:
  - id: log
    tool: git.log
    with:
      path: "\${{ input.path }}"
      "quoted key": 'single '' quote'
    retry: *retry
  - id: text
    note: |
      several
        lines
`;

/** Of so many mutations of a document each is data, or a problem, and nothing else. */
export function expectDataOrProblems(runs: number): void {
  const junk = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "&a ",
    "*a",
    "!",
    "|",
    ">",
    "\t",
    "\n",
    '"',
    "'",
    "#",
    "%",
    "---\n",
    "? ",
    "\u0000",
    "\u{1f600}",
    "\ufeff",
    "<<: ",
  );
  const edit = fc.record({
    at: fc.nat(SAMPLE.length),
    remove: fc.nat(20),
    insert: fc.oneof(
      junk,
      fc.string({ maxLength: 6 }),
      fc.string({ unit: "binary", maxLength: 3 }),
    ),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
      let text = SAMPLE;
      for (const { at, remove, insert } of edits)
        text = text.slice(0, at) + insert + text.slice(at + remove);
      try {
        const document = parseDocument(text, "f");
        expect(checkPlainData(document.data)).toEqual([]);
        expect(document.positionOf(["steps", 0, "id"]).line).toBeGreaterThan(0);
      } catch (thrown) {
        if (!isTuttiError(thrown)) throw thrown;
      }
    }),
    { numRuns: runs },
  );
}

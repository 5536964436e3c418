import { test } from "vitest";

import { expectDataOrProblems } from "../../support/drawn/mutated-document.ts";

test("2,000 mutations of a document: data, or a ValidationError, nothing else", () =>
  expectDataOrProblems(2_000));

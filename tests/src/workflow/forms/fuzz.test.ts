import { readdirSync } from "node:fs";

import { test } from "vitest";

import { expectRefusedInPlace, FOLDER } from "../../../support/drawn/strange-places.ts";

/** The slow tier tries each place. */
const EVERY = 4;

test.each(readdirSync(FOLDER))(
  "%s: whatever stands in any place, it is planned or refused at a place of the document",
  (file) => expectRefusedInPlace(file, EVERY),
);

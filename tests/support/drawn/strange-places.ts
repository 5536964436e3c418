import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "vitest";
import { parse } from "yaml";

import { ERROR_CODES, loadCatalogue, ValidationError } from "../../../config/index.ts";
import { prepare } from "../../../src/workflow/prepare.ts";

const registry = loadCatalogue();
export const FOLDER = "examples/forms";

type Path = readonly (string | number)[];

/** Values that stand where something else was expected. */
const STRANGE: readonly unknown[] = [null, 0, -1, "", "{{x.y}}", "${{", ["x", 1], { a: 1 }];

function placesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, one]) => placesOf(one, [...path, key]))];
}

function withValue(document: unknown, path: Path, value: unknown): unknown {
  const copy: unknown = structuredClone(document);
  let parent = copy;
  for (const part of path.slice(0, -1)) parent = Reflect.get(parent as object, part);
  if (value === undefined) Reflect.deleteProperty(parent as object, path.at(-1)!);
  else Reflect.set(parent as object, path.at(-1)!, value);
  return copy;
}

/**
 * Whatever stands in any place of a form, it is planned or refused at a place of the document. Of the places each
 * `every`th is tried.
 */
export function expectRefusedInPlace(file: string, every: number): void {
  const whole: unknown = parse(readFileSync(join(FOLDER, file), "utf8"));
  let refused = 0;
  const places = placesOf(whole).filter((one) => one.length > 0 && one.length < 6);
  for (const path of places.filter((_, index) => index % every === 0)) {
    for (const value of [...STRANGE, undefined]) {
      const text = JSON.stringify(withValue(whole, path, value));
      try {
        prepare(text, registry, { file });
      } catch (thrown) {
        // Anything else than problems of the document is a defect of ours.
        if (!(thrown instanceof ValidationError)) throw thrown;
        refused++;
        expect(thrown.issues.length).toBeGreaterThan(0);
        for (const issue of thrown.issues) {
          expect(ERROR_CODES).toHaveProperty(issue.code);
          expect(issue.position, `${text}\n${issue.message}`).toMatchObject({ file });
          // What was written is told, not what it became.
          expect(issue.message).not.toMatch(/\bunreadable\b|undefined/);
        }
      }
    }
  }
  expect(refused).toBeGreaterThan(100 / every);
}

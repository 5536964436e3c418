import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { sample } from "fast-check";
import { describe, expect, test } from "vitest";

import { differences } from "./compare.ts";
import { interpret } from "./interpreter.ts";
import { EVERYTHING } from "./random/features.ts";
import { randomCase } from "./random/generator.ts";
import { CONTRACT, type Rule } from "./rules.ts";
import { POLICIES } from "./stories/policies.ts";
import { RIGHT as OTHERS } from "./stories/right.ts";
import { WRONG } from "./stories/wrong.ts";

const RIGHT = [...OTHERS, ...POLICIES];
const RULES = Object.keys(CONTRACT) as Rule[];
const without = (rule: Rule) => ({ ...CONTRACT, [rule]: false });

describe("the model allows", () => {
  test.for(RIGHT)("$name", ({ seen }) => {
    expect(differences(seen)).toEqual([]);
  });
});

describe("the model forbids", () => {
  test.for(WRONG)("$name", ({ seen, says }) => {
    expect(differences(seen).join("\n")).toContain(says);
  });
});

describe("a rule of the model that is turned off changes its answer:", () => {
  test.for(RULES)("%s", (rule) => {
    const shown = RIGHT.filter(({ shows }) => shows?.includes(rule));
    const forbidden = WRONG.filter(({ but }) => but === rule);
    expect(shown.length + forbidden.length).toBeGreaterThan(0);
    for (const { name, seen } of shown)
      expect(differences(seen, without(rule)), name).not.toEqual([]);
    for (const { name, seen } of forbidden)
      expect(differences(seen, without(rule)), name).toEqual([]);
  });
});

test("where nothing is stopped, there is one way for each step and one state for the run", () => {
  const quiet = RIGHT.map(({ name, seen }) => ({ name, allowed: interpret(seen) })).filter(
    ({ allowed }) => !allowed.stopped,
  );
  expect(quiet.length).toBeGreaterThan(15);
  for (const { name, allowed } of quiet.filter((one) => !one.name.includes("may not have ended"))) {
    expect(allowed.states.size, name).toBe(1);
    for (const [key, ways] of allowed.ways) expect(ways, `${name}: ${key}`).toHaveLength(1);
  }
});

test("the generator uses every word of the contract, and makes workflows of all sizes", () => {
  const cases = sample(randomCase(EVERYTHING), 400);
  const text = JSON.stringify(cases);
  const words =
    "any settled sequential fail_fast resilient recovery adaptive escalate optional compensate group " +
    "preconditions forEach maxParallel when timeoutMs success output busy hang heedless effect_unknown";
  for (const word of words.split(" ")) expect(text, word).toContain(`"${word}"`);
  const sizes = cases.map(({ workflow }) => workflow.steps.length);
  expect(Math.min(...sizes)).toBe(1);
  expect(Math.max(...sizes)).toBe(25);
});

test("the model takes nothing but types from the product", () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /(?<!\.test)\.ts$/.test(name));
  expect(files).toContain("interpreter.ts");
  for (const name of files) {
    const text = readFileSync(join(import.meta.dirname, name), "utf8");
    for (const [line] of text.matchAll(/^(import|export) .*from "\.\.\/.*$/gm))
      expect(line).toMatch(/^(import|export) type /);
  }
});

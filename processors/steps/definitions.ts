import { LRUCache } from "lru-cache";

import {
  compileCondition,
  compileTemplate,
  type Json,
  type Template,
  given,
} from "../../config/index.ts";
import type { Condition, RunDefinition, StepDefinition, Wait } from "../../queues/index.ts";

/** A step with its expressions compiled and its reads known. */
export interface CompiledStep {
  readonly definition: StepDefinition;
  readonly input: Template;
  readonly when?: Template;
  readonly items?: Template;
  /** What the step waits for: the text of an approval, the time of a timer. */
  readonly wait?: Template;
  readonly preconditions: readonly CompiledCondition[];
  readonly postconditions: readonly CompiledCondition[];
  /** The inputs of its alternatives, where they are not its own. */
  readonly others: readonly (Template | undefined)[];
  /** The input of the call that undoes it. */
  readonly undo?: Template;
  /** Steps whose output the input reads. */
  readonly reads: readonly string[];
  /** Whether the input reads the run's own input. */
  readonly readsRunInput: boolean;
}

/** A condition with its expression compiled. */
export interface CompiledCondition {
  readonly definition: Condition;
  readonly check?: Template;
}

/** A workflow as workers hold it. */
export interface CompiledDefinition {
  readonly definition: RunDefinition;
  step(stepId: string): CompiledStep | undefined;
}

/** Definitions a worker holds at the same time. */
const KEPT = 500;

/** Compiled workflows by content hash. What a hash names never changes, so nothing here gets old. */
export class Definitions {
  readonly #cache: LRUCache<string, CompiledDefinition>;

  constructor(load: (hash: string) => Promise<RunDefinition | null>) {
    this.#cache = new LRUCache({
      max: KEPT,
      fetchMethod: async (hash: string) => {
        const definition = await load(hash);
        return definition === null ? undefined : compileDefinition(definition);
      },
    });
  }

  /** The workflow behind a hash; undefined when its last run was removed. */
  async get(hash: string): Promise<CompiledDefinition | undefined> {
    return this.#cache.get(hash) ?? (await this.#cache.fetch(hash));
  }
}

/** Prepares a workflow for running; each step is compiled when it is first needed. */
function compileDefinition(definition: RunDefinition): CompiledDefinition {
  const steps = new Map<string, CompiledStep>();
  return {
    definition,
    step(stepId) {
      let step = steps.get(stepId);
      const source = Object.hasOwn(definition.steps, stepId) ? definition.steps[stepId] : undefined;
      if (step === undefined && source !== undefined) {
        step = compileStep(source);
        steps.set(stepId, step);
      }
      return step;
    },
  };
}

function compileStep(definition: StepDefinition): CompiledStep {
  const { forEach, when } = definition;
  const input = compileInput(definition.with, forEach);
  const items = forEach === undefined ? undefined : compileCondition(forEach.items, "result");
  const condition = when === undefined ? undefined : compileCondition(when, "result");
  const wait = waitTemplate(definition.wait);
  const preconditions = conditionsOf(definition.preconditions, "result");
  const postconditions = conditionsOf(definition.postconditions, "check");
  const checks = [...preconditions, ...postconditions].map(({ check }) => check);
  const others = (definition.fallback?.tools ?? []).map((one) =>
    one.with === undefined ? undefined : compileInput(one.with, forEach),
  );
  const templates = [input, items, condition, wait, ...others, ...checks].filter(
    (template) => template !== undefined,
  );
  const { compensate } = definition;
  return {
    definition,
    input,
    ...given({ when: condition, items, wait }),
    ...(compensate === undefined
      ? {}
      : {
          undo: compileTemplate(compensate.with, "undo", {
            itemName: forEach?.as ?? "item",
            name: "compensate.with",
          }),
        }),
    others,
    preconditions,
    postconditions,
    reads: [...new Set(templates.flatMap((template) => [...template.steps]))],
    readsRunInput:
      templates.some((template) => template.readsInput) ||
      preconditions.some((one) => one.definition.input === true),
  };
}

function compileInput(source: Json, forEach: StepDefinition["forEach"]): Template {
  return forEach === undefined
    ? compileTemplate(source, "step", { name: "with" })
    : compileTemplate(source, "item", { itemName: forEach.as, name: "with" });
}

function conditionsOf(
  conditions: readonly Condition[] = [],
  scope: "result" | "check",
): CompiledCondition[] {
  return conditions.map((definition) =>
    definition.check === undefined
      ? { definition }
      : { definition, check: compileCondition(definition.check, scope) },
  );
}

function waitTemplate(wait: Wait | undefined): Template | undefined {
  switch (wait?.kind) {
    case "approval":
      return compileTemplate(wait.message, "result");
    case "timer":
      return typeof wait.ms === "string"
        ? compileCondition(wait.ms, "result")
        : compileTemplate(wait.ms, "result");
    case "event":
    case undefined:
      return undefined;
  }
}

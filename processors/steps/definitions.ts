import { LRUCache } from "lru-cache";

import { compileCondition, compileTemplate, type Template } from "../../config/index.ts";
import type { RunDefinition, StepDefinition } from "../../queues/index.ts";

/** A step with its expressions compiled and its reads known. */
export interface CompiledStep {
  readonly definition: StepDefinition;
  readonly input: Template;
  readonly when?: Template;
  readonly items?: Template;
  /** Steps whose output the input reads. */
  readonly reads: readonly string[];
  /** Whether the input reads the run's own input. */
  readonly readsRunInput: boolean;
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
  const input =
    forEach === undefined
      ? compileTemplate(definition.with, "step")
      : compileTemplate(definition.with, "item", { itemName: forEach.as });
  const items = forEach === undefined ? undefined : compileCondition(forEach.items, "result");
  const condition = when === undefined ? undefined : compileCondition(when, "result");
  const templates = [input, items, condition].filter((template) => template !== undefined);
  return {
    definition,
    input,
    ...(condition === undefined ? {} : { when: condition }),
    ...(items === undefined ? {} : { items }),
    reads: [...new Set(templates.flatMap((template) => [...template.steps]))],
    readsRunInput: templates.some((template) => template.readsInput),
  };
}

import {
  compileCondition,
  compileTemplate,
  isItemName,
  messageOf,
  nearest,
  type Json,
  type Scope,
  type Template,
  type ToolSpec,
} from "../../config/index.ts";
import { findCycle } from "./dag.ts";
import { checkInput, schemaProblem } from "./input.ts";
import type { Step, Workflow } from "./schema.ts";
import { name, show, type Located } from "./shape.ts";

/** A suggestion compares with every known name; ten thousand of them would take minutes. */
const MAX_SUGGESTIONS = 100;
/** Steps of a cycle that a message names. */
const MAX_CYCLE_WORDS = 20;

/** What validation asks the catalogue. */
export interface ToolLookup {
  get(id: string): ToolSpec | undefined;
  ids(): readonly string[];
}

/** A workflow without problems, with everything the checks found out. */
export interface CheckedWorkflow {
  readonly workflow: Workflow;
  /** All dependencies of each step, in the order of `workflow.steps`: positions of steps. */
  readonly dependencies: readonly (readonly number[])[];
  readonly tools: readonly ToolSpec[];
}

type Path = readonly (string | number)[];

/** Checks what the fields mean together: ids, tools, expressions, dependencies. */
export function checkMeaning(
  workflow: Workflow,
  tools: ToolLookup,
): CheckedWorkflow | { issues: Located[] } {
  const check = new Meaning(workflow, tools);
  const checked = check.run();
  return check.issues.length > 0 ? { issues: check.issues } : checked;
}

class Meaning {
  readonly issues: Located[] = [];
  readonly #workflow: Workflow;
  readonly #tools: ToolLookup;
  readonly #positions = new Map<string, number>();
  readonly #stepIds: string[] = [];
  #suggestions = 0;

  constructor(workflow: Workflow, tools: ToolLookup) {
    this.#workflow = workflow;
    this.#tools = tools;
  }

  run(): CheckedWorkflow {
    const { steps } = this.#workflow;
    this.#names(steps);
    const providers = providersOf(steps);
    const found: ToolSpec[] = [];
    const dependencies = steps.map((step, index) => {
      const path = ["steps", index];
      const tool = this.#tool(step, path);
      if (tool !== undefined) found[index] = tool;
      const on = new Set<number>();
      for (const [at, need] of (step.needs ?? []).entries())
        this.#dependOn(need, [...path, "needs", at], on);
      this.#expressions(step, path, on);
      this.#conditions(step, path, providers, on);
      return [...on];
    });
    this.#results();
    this.#cycle(dependencies);
    return { workflow: this.#workflow, dependencies, tools: found };
  }

  #names(steps: readonly Step[]): void {
    for (const [index, step] of steps.entries()) {
      const path = ["steps", index, "id"];
      if (step.id in Object.prototype) {
        this.#add(
          "document_invalid",
          path,
          `expected ${name(path)} to be a plain name, got: ${show(step.id)}`,
        );
      }
      const first = this.#positions.get(step.id);
      if (first !== undefined) {
        this.#add(
          "duplicate_step",
          path,
          `expected ${name(path)} to be unique, got: ${show(step.id)}, which is steps[${first}] too`,
        );
        continue;
      }
      this.#positions.set(step.id, index);
      this.#stepIds.push(step.id);
    }
  }

  #tool(step: Step, path: Path): ToolSpec | undefined {
    const at = [...path, "tool"];
    const spec = this.#tools.get(step.tool);
    if (spec === undefined) {
      this.#add(
        "tool_not_found",
        at,
        `expected ${name(at)} to be a tool of the catalogue, got: ${show(step.tool)}`,
        this.#nearest(step.tool, this.#tools.ids()),
      );
      return undefined;
    }
    if (spec.binding === undefined) {
      this.#add(
        "tool_not_bound",
        at,
        `tool ${spec.id} has no binding: say in a catalogue how it is reached`,
      );
    }
    for (const [resource, amount] of Object.entries(step.resources ?? {})) {
      if (amount <= 1) continue;
      const where = [...path, "resources", resource];
      this.#add(
        "step_exceeds_capacity",
        where,
        `expected ${name(where)} to be at most 1, the whole of a machine, got: ${amount}`,
      );
    }
    for (const problem of checkInput(spec, step.with ?? {})) {
      const where = [...path, "with", ...problem.path];
      this.#add("input_invalid", where, `${name(where)}: ${problem.message}`, problem.suggestion);
    }
    return spec;
  }

  #expressions(step: Step, path: Path, on: Set<number>): void {
    const itemName = step.as ?? "item";
    if (step.forEach === undefined) {
      for (const key of ["as", "maxParallel"] as const) {
        if (step[key] !== undefined)
          this.#add(
            "document_invalid",
            [...path, key],
            `${name([...path, key])} needs a forEach`,
            undefined,
            "key",
          );
      }
    } else if (!isItemName(itemName)) {
      this.#add(
        "document_invalid",
        [...path, "as"],
        `expected ${name([...path, "as"])} to be a plain word that means nothing else, got: ${show(itemName)}`,
      );
      return;
    }
    const scope = step.forEach === undefined ? "step" : "item";
    if (step.with !== undefined) this.#template(step.with, scope, [...path, "with"], on, itemName);
    if (step.forEach !== undefined) this.#condition(step.forEach, [...path, "forEach"], on);
    if (step.when !== undefined) this.#condition(step.when, [...path, "when"], on);
  }

  /** Conditions by name: a step waits for whoever establishes what it requires (R34, R35). */
  #conditions(
    step: Step,
    path: Path,
    providers: ReadonlyMap<string, readonly number[]>,
    on: Set<number>,
  ): void {
    const inputs = this.#workflow.inputs?.["properties"];
    for (const [index, condition] of (step.preconditions ?? []).entries()) {
      const by =
        providers.get(condition)?.filter((position) => position !== this.#positions.get(step.id)) ??
        [];
      for (const position of by) on.add(position);
      const given =
        typeof inputs === "object" && inputs !== null && Object.hasOwn(inputs, condition);
      if (by.length > 0 || given) continue;
      const where = [...path, "preconditions", index];
      this.#add(
        "precondition_failed",
        where,
        `nothing establishes ${show(condition)}: no other step has it as a postcondition, and it is no input`,
        this.#nearest(condition, [...providers.keys()]),
      );
    }
  }

  /** Expressions about the run as a whole. They may read every step and make no dependency. */
  #results(): void {
    const { inputs, output, success } = this.#workflow;
    const wrong = inputs === undefined ? null : schemaProblem(inputs);
    if (wrong !== null)
      this.#add("document_invalid", ["inputs"], `expected inputs to be a JSON Schema: ${wrong}`);
    if (output !== undefined) this.#template(output, "result", ["output"], new Set());
    for (const [index, criterion] of (success ?? []).entries())
      this.#condition(criterion, ["success", index], new Set());
  }

  #template(value: Json, scope: Scope, path: Path, on: Set<number>, itemName = "item"): void {
    // Each text is compiled by itself, so that every problem is found and has its own place.
    if (typeof value === "string")
      this.#references(() => compileTemplate(value, scope, { itemName }), path, on);
    else if (Array.isArray(value))
      for (const [index, one] of value.entries())
        this.#template(one, scope, [...path, index], on, itemName);
    else if (typeof value === "object" && value !== null) {
      for (const [key, one] of Object.entries(value))
        this.#template(one, scope, [...path, key], on, itemName);
    }
  }

  #condition(text: string, path: Path, on: Set<number>): void {
    this.#references(() => compileCondition(text, "result"), path, on);
  }

  #references(compile: () => Template, path: Path, on: Set<number>): void {
    let template: Template;
    try {
      template = compile();
    } catch (thrown) {
      this.#add("expression_invalid", path, `${name(path)}: ${messageOf(thrown)}`);
      return;
    }
    for (const stepId of template.steps) this.#dependOn(stepId, path, on);
  }

  #dependOn(stepId: string, path: Path, on: Set<number>): void {
    const position = this.#positions.get(stepId);
    if (position === undefined) {
      this.#add(
        "unknown_step",
        path,
        `expected ${name(path)} to name steps of this workflow, got: ${show(stepId)}`,
        this.#nearest(stepId, this.#stepIds),
      );
      return;
    }
    on.add(position);
  }

  #cycle(dependencies: readonly (readonly number[])[]): void {
    const cycle = findCycle(dependencies);
    if (cycle === null) return;
    const { steps } = this.#workflow;
    const words = cycle.map((index) => steps[index]?.id ?? "?");
    if (words.length > MAX_CYCLE_WORDS) {
      const left = words.length - MAX_CYCLE_WORDS;
      words.splice(MAX_CYCLE_WORDS / 2, left, `... ${left} more ...`);
    }
    this.#add(
      "workflow_cycle",
      ["steps", cycle[0] ?? 0],
      `steps wait for each other: ${[...words, words[0]].join(" -> ")}`,
    );
  }

  #nearest(given: string, known: readonly string[]): string | undefined {
    return this.#suggestions++ < MAX_SUGGESTIONS ? nearest(given, known) : undefined;
  }

  #add(
    code: Located["code"],
    path: Path,
    message: string,
    suggestion?: string,
    at: Located["at"] = "value",
  ): void {
    this.issues.push({
      code,
      path,
      message,
      at,
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
}

function providersOf(steps: readonly Step[]): ReadonlyMap<string, readonly number[]> {
  const providers = new Map<string, number[]>();
  for (const [index, step] of steps.entries()) {
    for (const condition of step.postconditions ?? []) {
      const by = providers.get(condition);
      if (by === undefined) providers.set(condition, [index]);
      else by.push(index);
    }
  }
  return providers;
}

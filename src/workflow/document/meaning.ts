import {
  compileCondition,
  compileTemplate,
  isItemName,
  messageOf,
  nearest,
  type BudgetSpec,
  type Json,
  type Scope,
  type Template,
  type ToolSpec,
  placeName,
  shownValue,
} from "../../../config/index.ts";
import { findCycle, topologicalOrder } from "../graph/dag.ts";
import type { CheckedWorkflow } from "./checked.ts";
import { conditionsOf, providersOf } from "./conditions.ts";
import { checkInput, schemaProblem } from "./input.ts";
import { KINDS, kindsOf, strangeFields } from "./kind.ts";
import { checkKey, checkLimits, type LimitProblem } from "./limits.ts";
import { alternativesOf, checkCache, checkFallback } from "./other-ways.ts";
import { streamedStages } from "./pipeline.ts";
import type { Step, Workflow } from "./schema.ts";
import type { Located } from "./shape.ts";

/** A suggestion compares with every known name; ten thousand of them would take minutes. */
const MAX_SUGGESTIONS = 100;
/** Steps of a cycle that a message names. */
const MAX_CYCLE_WORDS = 20;

/** What validation asks the catalogue. */
export interface ToolLookup {
  get(id: string): ToolSpec | undefined;
  ids(): readonly string[];
  budget(name: string): BudgetSpec | undefined;
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
    const found: (ToolSpec | undefined)[] = [];
    const undo: (ToolSpec | undefined)[] = [];
    const others: (readonly ToolSpec[])[] = [];
    const dependencies = steps.map((step, index) => {
      const path = ["steps", index];
      this.#kind(step, path);
      found[index] = step.tool === undefined ? undefined : this.#tool(step.tool, step.with, path);
      undo[index] = this.#compensation(step, path);
      this.#limits(step, found[index], path);
      this.#limits({}, undo[index], [...path, "compensate"]);
      this.#key(step, found[index], path);
      this.#report(checkCache(step, found[index], path));
      others[index] = this.#fallback(step, found[index], path);
      this.#group(step, path);
      const on = new Set<number>();
      for (const [at, need] of (step.needs ?? []).entries())
        this.#dependOn(need, [...path, "needs", at], on);
      this.#expressions(step, path, on);
      this.#conditions(step, path, providers, on);
      return [...on];
    });
    this.#results();
    this.#cycle(dependencies);
    if (this.issues.length === 0) this.#pipeline(dependencies);
    return {
      workflow: this.#workflow,
      dependencies,
      tools: found,
      undoTools: undo,
      alternatives: others,
    };
  }

  #names(steps: readonly Step[]): void {
    for (const [index, step] of steps.entries()) {
      const path = ["steps", index, "id"];
      if (step.id in Object.prototype) {
        this.#add(
          "document_invalid",
          path,
          `expected ${placeName(path)} to be a plain name, got: ${shownValue(step.id)}`,
        );
      }
      const first = this.#positions.get(step.id);
      if (first !== undefined) {
        this.#add(
          "duplicate_step",
          path,
          `expected ${placeName(path)} to be unique, got: ${shownValue(step.id)}, which is steps[${first}] too`,
        );
        continue;
      }
      this.#positions.set(step.id, index);
      this.#stepIds.push(step.id);
    }
  }

  /** A step is one thing, and has no field that belongs to another. */
  #kind(step: Step, path: Path): void {
    const kinds = kindsOf(step);
    if (kinds.length === 0)
      this.#add(
        "document_invalid",
        [...path, "tool"],
        `expected ${placeName([...path, "tool"])} to be given, or one of ${KINDS.slice(1).join(", ")}`,
        undefined,
        "key",
      );
    for (const more of kinds.slice(1))
      this.#add(
        "document_invalid",
        [...path, more],
        `expected ${placeName(path)} to have one of ${KINDS.join(", ")}, got: ${kinds.join(" and ")}`,
        undefined,
        "key",
      );
    const [kind] = kinds;
    if (kind === undefined || kinds.length > 1) return;
    for (const field of strangeFields(kind)) {
      if (step[field] === undefined) continue;
      const where = [...path, field];
      this.#add(
        "document_invalid",
        where,
        `${placeName(where)} means nothing for a step with ${kind}`,
        undefined,
        "key",
      );
    }
  }

  /** How a tool is called: from the step, or to undo it. */
  #tool(toolId: string, given: Step["with"], path: Path): ToolSpec | undefined {
    const at = [...path, "tool"];
    const spec = this.#tools.get(toolId);
    if (spec === undefined) {
      this.#add(
        "tool_not_found",
        at,
        `expected ${placeName(at)} to be a tool of the catalogue, got: ${shownValue(toolId)}`,
        this.#nearest(toolId, this.#tools.ids()),
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
    for (const problem of checkInput(spec, given ?? {})) {
      const where = [...path, "with", ...problem.path];
      this.#add(
        "input_invalid",
        where,
        `${placeName(where)}: ${problem.message}`,
        problem.suggestion,
      );
    }
    return spec;
  }

  #compensation({ compensate }: Step, path: Path): ToolSpec | undefined {
    if (compensate === undefined) return undefined;
    const at = [...path, "compensate"];
    if (compensate.with !== undefined)
      this.#template(compensate.with, "undo", [...at, "with"], new Set());
    return this.#tool(compensate.tool, compensate.with, at);
  }

  /** What is tried before the step fails. Expressions in its input are looked at with the step's own. */
  #fallback(step: Step, tool: ToolSpec | undefined, path: Path): readonly ToolSpec[] {
    const { fallback } = step;
    const toolOf = (id: string): ToolSpec | undefined => this.#tools.get(id);
    if (typeof fallback === "object" && fallback.tool !== undefined) {
      const at = [...path, "fallback"];
      this.#limits({}, this.#tool(fallback.tool, fallback.with ?? step.with, at), at);
    }
    this.#report(checkFallback(step, tool, toolOf, path));
    return alternativesOf(step, tool, toolOf);
  }

  #limits(step: Pick<Step, "resources" | "budgets">, tool: ToolSpec | undefined, path: Path): void {
    this.#report(checkLimits(step, tool, (budget) => this.#tools.budget(budget), path));
  }

  #report(found: Iterable<LimitProblem>): void {
    for (const { code, path: where, message, given, known, at } of found)
      this.#add(code, where, message, given && this.#nearest(given, known ?? []), at);
  }

  /** Read when the run is created, so that every place that looks for the step's job knows its queue. */
  #key({ key }: Step, tool: ToolSpec | undefined, path: Path): void {
    if (key === undefined) return;
    const at = [...path, "key"];
    this.#references(() => compileTemplate(key, "key"), at, new Set());
    this.#report(checkKey(tool, at));
  }

  #group({ group }: Step, path: Path): void {
    const groups = this.#workflow.groups ?? {};
    if (group === undefined || Object.hasOwn(groups, group)) return;
    const at = [...path, "group"];
    this.#add(
      "document_invalid",
      at,
      `expected ${placeName(at)} to be one of groups, got: ${shownValue(group)}`,
      this.#nearest(group, Object.keys(groups)),
    );
  }

  #expressions(step: Step, path: Path, on: Set<number>): void {
    const itemName = step.as ?? "item";
    if (step.forEach === undefined) {
      for (const key of ["as", "maxParallel"] as const) {
        if (step[key] !== undefined)
          this.#add(
            "document_invalid",
            [...path, key],
            `${placeName([...path, key])} needs a forEach`,
            undefined,
            "key",
          );
      }
    } else if (!isItemName(itemName)) {
      this.#add(
        "document_invalid",
        [...path, "as"],
        `expected ${placeName([...path, "as"])} to be a plain word that means nothing else, got: ${shownValue(itemName)}`,
      );
      return;
    }
    // The input of another workflow's run is stored, so it holds no secrets.
    const whole = step.workflow === undefined ? "step" : "result";
    const scope = step.forEach === undefined ? whole : "item";
    if (step.with !== undefined) this.#template(step.with, scope, [...path, "with"], on, itemName);
    if (typeof step.fallback === "object" && step.fallback.with !== undefined)
      this.#template(step.fallback.with, scope, [...path, "fallback", "with"], on, itemName);
    if (step.forEach !== undefined) this.#condition(step.forEach, [...path, "forEach"], on);
    if (step.when !== undefined) this.#condition(step.when, [...path, "when"], on);
    if (step.approval !== undefined)
      this.#template(step.approval, "result", [...path, "approval"], on);
    if (typeof step.waitMs === "string") this.#condition(step.waitMs, [...path, "waitMs"], on);
  }

  /** Conditions by name: a step waits for whoever establishes what it requires. */
  #conditions(
    step: Step,
    path: Path,
    providers: ReadonlyMap<string, readonly number[]>,
    on: Set<number>,
  ): void {
    const inputs = this.#workflow.inputs?.["properties"];
    for (const [index, { name: condition, check }] of conditionsOf(step.preconditions)) {
      const where = [...path, "preconditions", index];
      if (check !== undefined) this.#condition(check, [...where, "check"], on);
      if (condition === undefined) continue;
      const by =
        providers.get(condition)?.filter((position) => position !== this.#positions.get(step.id)) ??
        [];
      for (const position of by) on.add(position);
      const given =
        typeof inputs === "object" && inputs !== null && Object.hasOwn(inputs, condition);
      if (by.length > 0 || given || check !== undefined) continue;
      this.#add(
        "precondition_failed",
        where,
        `nothing establishes ${shownValue(condition)}: no other step has it as a postcondition, and it is no input`,
        this.#nearest(condition, [...providers.keys()]),
      );
    }
    for (const [index, { check }] of conditionsOf(step.postconditions)) {
      if (check === undefined) continue;
      const where = [...path, "postconditions", index, "check"];
      this.#references(() => compileCondition(check, "check"), where, on);
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
      this.#add("expression_invalid", path, `${placeName(path)}: ${messageOf(thrown)}`);
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
        `expected ${placeName(path)} to name steps of this workflow, got: ${shownValue(stepId)}`,
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

  /** Mode `pipeline` without anything that flows would be a word without a meaning. */
  #pipeline(dependencies: readonly (readonly number[])[]): void {
    const { mode, steps } = this.#workflow;
    if (mode !== "pipeline") return;
    const order = topologicalOrder(dependencies) ?? [];
    if (streamedStages(steps, dependencies, order).size > 0) return;
    this.#add(
      "document_invalid",
      ["mode"],
      "mode pipeline needs a forEach whose list is the output of another forEach, without when, join, preconditions or maxParallel of its own",
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

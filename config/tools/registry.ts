import type { Position } from "../documents/yaml.ts";
import { TuttiError, ValidationError, type Issue } from "../errors.ts";
import { given } from "../given.ts";
import { nearest } from "../nearest.ts";
import { amountsOf, excessesOf, excessText, type BudgetSpec } from "./limits.ts";
import { isCompatible, SYNERGY_THRESHOLD, synergyScore } from "./synergy.ts";
import { orderTools } from "./tool-order.ts";
import type { Allowances, McpServerSpec, ToolSpec } from "./tool.ts";

/** A tool with what its file allows it to touch. */
export interface ToolEntry {
  readonly spec: ToolSpec;
  readonly allow: Allowances;
  /** The server of an `mcp` binding. Tools of one server share the same object. */
  readonly server?: McpServerSpec;
  /** Version of the catalogue that declares it, if that has one. */
  readonly catalogueVersion?: string;
  /** Position of a part of the declaration; unknown for tools that were not read from a file. */
  readonly positionOf?: (path: readonly PropertyKey[]) => Position;
}

/** The contents of a catalogue. */
export interface CatalogueParts {
  readonly tools: readonly ToolEntry[];
  readonly budgets: Readonly<Record<string, BudgetSpec>>;
  /** See `CatalogueFile`; the tools carry it too. */
  readonly version?: string;
}

/** A tool and how well another goes with it. */
export interface Synergy {
  readonly id: string;
  /** Above 0.5, at most 1. */
  readonly score: number;
}

type Index = Map<string, Set<string>>;

function indexed(index: Index, key: string, id: string): void {
  const ids = index.get(key);
  if (ids) ids.add(id);
  else index.set(key, new Set([id]));
}

function unindexed(index: Index, key: string, id: string): void {
  const ids = index.get(key);
  ids?.delete(id);
  if (ids?.size === 0) index.delete(key);
}

/** All known tools, indexed by capability and category. It may change while workers run. */
export class ToolRegistry {
  private readonly entries = new Map<string, ToolEntry>();
  private readonly known = new Map<string, BudgetSpec>();
  private readonly budgetVersions = new Map<string, string>();
  private changes = 0;
  private readonly byCapability: Index = new Map();
  private readonly byCategory: Index = new Map();

  /** `version`: of the catalogue that declares the budgets. */
  constructor(
    entries: Iterable<ToolEntry> = [],
    budgets: Readonly<Record<string, BudgetSpec>> = {},
    version?: string,
  ) {
    for (const entry of entries) this.register(entry);
    for (const [name, spec] of Object.entries(budgets)) this.replaceBudget(name, spec, version);
  }

  /** Counts its changes. */
  get revision(): number {
    return this.changes;
  }

  get size(): number {
    return this.entries.size;
  }

  /**
   * Adds a tool.
   *
   * @throws ValidationError `catalogue_invalid` if the id is taken.
   */
  register(entry: ToolEntry): void {
    const { id } = entry.spec;
    if (this.entries.has(id))
      throw new ValidationError([
        { code: "catalogue_invalid", message: `the tool "${id}" exists already`, path: ["id"] },
      ]);
    this.replace(entry);
  }

  /** Adds a tool or replaces the one with its id. */
  replace(entry: ToolEntry): void {
    const { id, capabilities, category } = entry.spec;
    this.changes++;
    this.unindex(id);
    this.entries.set(id, entry);
    for (const capability of capabilities) indexed(this.byCapability, capability, id);
    indexed(this.byCategory, category, id);
  }

  /** Removes a tool. False if there is none with this id. */
  unregister(id: string): boolean {
    this.changes++;
    this.unindex(id);
    return this.entries.delete(id);
  }

  has(id: string): boolean {
    return this.entries.has(id);
  }

  get(id: string): ToolEntry | undefined {
    return this.entries.get(id);
  }

  /**
   * The tool with this id.
   *
   * @throws TuttiError `tool_not_found`, with the nearest known id in `details.suggestion`.
   */
  require(id: string): ToolEntry {
    const entry = this.entries.get(id);
    if (entry) return entry;
    const suggestion = nearest(id, this.entries.keys());
    throw new TuttiError(
      "tool_not_found",
      `there is no tool "${id}"${suggestion === undefined ? "" : `; did you mean "${suggestion}"?`}`,
      { details: { tool: id, ...given({ suggestion }) } },
    );
  }

  /** All tools, in the order they were added. */
  list(): ToolEntry[] {
    return [...this.entries.values()];
  }

  ids(): string[] {
    return [...this.entries.keys()];
  }

  /** Adds a budget or replaces the one with its name. `version`: of its catalogue. */
  replaceBudget(name: string, spec: BudgetSpec, version?: string): void {
    this.changes++;
    this.known.set(name, spec);
    if (version === undefined) this.budgetVersions.delete(name);
    else this.budgetVersions.set(name, version);
  }

  /** Version of the catalogue that declares a budget, if that has one. */
  budgetVersion(name: string): string | undefined {
    return this.budgetVersions.get(name);
  }

  budget(name: string): BudgetSpec | undefined {
    return this.known.get(name);
  }

  /** All budgets by name, in the order they were added. */
  budgets(): Readonly<Record<string, BudgetSpec>> {
    return Object.fromEntries(this.known);
  }

  /** Ids of the tools with a capability. */
  findByCapability(capability: string): string[] {
    return [...(this.byCapability.get(capability) ?? [])];
  }

  /** Ids of the tools of a category. */
  findByCategory(category: string): string[] {
    return [...(this.byCategory.get(category) ?? [])];
  }

  /** Every capability, sorted. */
  capabilities(): string[] {
    return [...this.byCapability.keys()].toSorted();
  }

  /** Every category with a tool, sorted. */
  categories(): string[] {
    return [...this.byCategory.keys()].toSorted();
  }

  /**
   * Whether two tools may run side by side on one machine.
   *
   * @throws TuttiError `tool_not_found`.
   */
  areCompatible(a: string, b: string): boolean {
    return isCompatible(this.require(a).spec, this.require(b).spec);
  }

  /** Tools that go well with this one, best first; none if the tool does not exist. */
  synergies(id: string): Synergy[] {
    const spec = this.entries.get(id)?.spec;
    if (!spec) return [];
    return this.list()
      .filter((other) => other.spec.id !== id)
      .map((other) => ({ id: other.spec.id, score: synergyScore(spec, other.spec) }))
      .filter(({ score }) => score > SYNERGY_THRESHOLD)
      .toSorted((a, b) => b.score - a.score || a.id.localeCompare(b.id));
  }

  /**
   * Ids ordered so that every tool follows its dependencies.
   *
   * @throws ValidationError `catalogue_invalid` naming a cycle.
   */
  order(): readonly string[] {
    const result = orderTools(this.list().map(({ spec }) => spec));
    if ("cycle" in result) throw new ValidationError([this.cycleIssue(result.cycle)]);
    return result.order;
  }

  /**
   * Problems between tools: references to missing tools and budgets, calls that exceed a whole budget, cyclic
   * dependencies.
   */
  problems(): Issue[] {
    const issues: Issue[] = [...this.budgetIssues()];
    for (const entry of this.entries.values())
      for (const field of ["dependencies", "integrationPoints", "alternatives"] as const)
        for (const [index, id] of entry.spec[field].entries()) {
          if (this.entries.has(id)) continue;
          const suggestion = nearest(id, this.entries.keys());
          const position = entry.positionOf?.([field, index]);
          issues.push({
            code: "catalogue_invalid",
            message: `${entry.spec.id}.${field} names "${id}", which is no tool`,
            path: [entry.spec.id, field, index],
            ...given({ suggestion }),
            ...(position && { position }),
          });
        }
    const result = orderTools(this.list().map(({ spec }) => spec));
    if ("cycle" in result) issues.push(this.cycleIssue(result.cycle));
    return issues;
  }

  private *budgetIssues(): Generator<Issue> {
    for (const { spec, positionOf } of this.entries.values())
      for (const [name, use] of Object.entries(spec.budgets)) {
        const issue = (message: string, field?: string): Issue => {
          const path = ["budgets", name, ...(field === undefined ? [] : [field])];
          const position = positionOf?.(path);
          return {
            code: "catalogue_invalid",
            message,
            path: [spec.id, ...path],
            ...(position && { position }),
          };
        };
        const budget = this.known.get(name);
        if (budget === undefined) {
          const suggestion = nearest(name, this.known.keys());
          const message = `${spec.id}.budgets names "${name}", which is no budget`;
          yield { ...issue(message), ...given({ suggestion }) };
          continue;
        }
        for (const excess of excessesOf(amountsOf(use), budget)) {
          const field = typeof use === "object" ? excess.field : undefined;
          const what = [spec.id, "budgets", name, ...(field === undefined ? [] : [field])].join(
            ".",
          );
          yield issue(excessText(what, `the budget ${name}`, excess), field);
        }
      }
  }

  private cycleIssue(cycle: readonly string[]): Issue {
    const [first = ""] = cycle;
    const position = this.entries.get(first)?.positionOf?.(["dependencies"]);
    return {
      code: "catalogue_invalid",
      message: `tools depend on each other in a circle: ${cycle.join(" -> ")}`,
      path: [first, "dependencies"],
      ...(position && { position }),
    };
  }

  private unindex(id: string): void {
    const spec = this.entries.get(id)?.spec;
    if (!spec) return;
    for (const capability of spec.capabilities) unindexed(this.byCapability, capability, id);
    unindexed(this.byCategory, spec.category, id);
  }
}

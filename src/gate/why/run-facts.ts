import { PENDING, shownAs, partOf, type Runs } from "../../../queues/client.ts";
import {
  FIELDS,
  isOpen,
  parseStepRecord,
  stepsOf,
  type RunDefinition,
  type StepOrItem,
  type StepRecord,
} from "../../../queues/index.ts";
import { noRun } from "../../runs/control/run-options.ts";
import { itemBefore, turnsBefore } from "../../runs/view/eligible.ts";

type Header = NonNullable<Awaited<ReturnType<Runs["header"]>>>;

/** The record of a run, as far as it says what waits for what. */
export class RunFacts {
  readonly header: Header;
  readonly definition: RunDefinition;
  readonly admittedAtMs: number | null;
  readonly pausedBy: string | null;
  /** The run that gave its place among those at work, as nothing of it could start: this one, or the one it works for. */
  readonly away: string | null;
  /** Steps and items, in the order of the document. */
  readonly steps: readonly StepOrItem[];
  readonly #records: ReadonlyMap<string, StepRecord>;

  private constructor(
    header: Header,
    definition: RunDefinition,
    steps: readonly StepOrItem[],
    texts: readonly (string | null)[],
  ) {
    this.header = header;
    this.definition = definition;
    this.steps = steps;
    const [admittedAt, pausedBy, away, ...records] = texts;
    this.admittedAtMs = admittedAt ? Number(admittedAt) : null;
    this.pausedBy = pausedBy ?? null;
    this.away = away ? away : null;
    this.#records = new Map(
      steps.map(({ stepId, item }, index) => [
        shownAs(stepId, item),
        parseStepRecord(records[index]),
      ]),
    );
  }

  /** @throws TuttiError `run_not_found`. */
  static async read(runs: Runs, runId: string): Promise<RunFacts> {
    const header = await runs.header(runId);
    const definition = header === null ? null : await runs.definition(header.hash);
    if (header === null || definition === null) throw noRun(runId);
    const steps = await stepsOf(runs, runId, definition);
    const fields = steps.map(({ stepId, item }) => FIELDS.record(stepId, item));
    const texts = await runs.fields(runId, [FIELDS.admittedAt, "pausedBy", FIELDS.away, ...fields]);
    return new RunFacts(header, definition, steps, texts);
  }

  get isOpen(): boolean {
    return isOpen(this.header.state);
  }

  get address() {
    const { workflowId, runId, epoch } = this.header;
    return { workflowId, runId, epoch };
  }

  has(stepId: string, item?: number): boolean {
    return this.#records.has(shownAs(stepId, item));
  }

  record(stepId: string, item?: number): StepRecord {
    return this.#records.get(shownAs(stepId, item)) ?? PENDING;
  }

  /** Steps that are underway, by the name that people use; with their items. */
  running(): string[] {
    return [...this.#records].filter(([, { state }]) => state === "running").map(([name]) => name);
  }

  /** Items of a step that have not ended. */
  openItems(stepId: string): { readonly item: number; readonly record: StepRecord }[] {
    return this.steps.flatMap((one) => {
      if (one.stepId !== stepId || one.item === undefined) return [];
      const record = this.record(stepId, one.item);
      return record.finishedAtMs === null ? [{ item: one.item, record }] : [];
    });
  }

  /** What has to end before a step that has not begun, by the name that people use. */
  before(stepId: string, item?: number): string[] {
    if (item !== undefined) return this.#beforeItem(stepId, item);
    const step = this.definition.steps[stepId]!;
    const open = step.needs.filter((id) => this.record(id).finishedAtMs === null);
    const any =
      step.join === "any" && step.needs.some((id) => this.record(id).state === "completed");
    if (open.length > 0 && !any) return open;
    const last = turnsBefore(this.definition, stepId).findLast(
      (id) => this.record(id).finishedAtMs === null && !this.#needs(id, stepId),
    );
    return last === undefined ? [] : [last];
  }

  #beforeItem(stepId: string, item: number): string[] {
    const before = itemBefore(this.definition, stepId, item);
    if (before === null || this.record(before.stepId, before.item).finishedAtMs !== null) return [];
    return [shownAs(before.stepId, before.item)];
  }

  #needs(id: string, other: string, seen = new Set<string>()): boolean {
    if (seen.has(id)) return false;
    seen.add(id);
    const { needs = [] } = this.definition.steps[id] ?? {};
    return needs.includes(other) || needs.some((need) => this.#needs(need, other, seen));
  }
}

/** A step or an item out of the name that people use. */
export function partsOfShown(shown: string): { readonly stepId: string; readonly item?: number } {
  return partOf(shown.replace(/\[(\d+)\]$/, ".$1"));
}

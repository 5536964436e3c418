import {
  amountsOf,
  type Amounts,
  type Target,
  type ToolSpec,
  given,
} from "../../../config/index.ts";
import type { RunDefinition } from "../../../queues/index.ts";
import type { CheckedWorkflow } from "../document/checked.ts";
import { kindsOf, type Kind } from "../document/kind.ts";
import { streamedStages } from "../document/pipeline.ts";
import type { Step } from "../document/schema.ts";
import { heaviestPath, levelsOf, topologicalOrder } from "../graph/dag.ts";
import { defineRun } from "./define.ts";
import { layOut, type Layout } from "./layout.ts";
import { selectMode, widthOf, type ModeChoice } from "./mode.ts";

/** A step as the plan shows it. */
export interface PlannedStep {
  readonly id: string;
  readonly name?: string;
  readonly kind: Kind;
  /** The tool or the workflow it calls, or what it waits for. */
  readonly tool: string;
  readonly dependencies: readonly string[];
  /** What the catalogue expects of one call. Milliseconds; null when nothing is known. */
  readonly expectedMs: number | null;
  readonly forEach: boolean;
  /** Mode `pipeline`: the stage whose items it takes as they come. */
  readonly streams?: string;
  readonly group?: string;
  readonly when?: string;
  /** Share of one machine it holds while it runs. */
  readonly resources: Readonly<Record<string, number>>;
  /** What a call takes of the budgets that its tool uses, by name. */
  readonly budgets: Readonly<Record<string, Amounts>>;
}

/** A validated workflow with its graph, order and critical path: ready to be submitted any number of times. */
export interface Plan {
  readonly workflow: { readonly id: string; readonly name: string; readonly hash: string };
  readonly steps: readonly PlannedStep[];
  /** Ids of steps that can run together, in the order of the levels. */
  readonly levels: readonly (readonly string[])[];
  readonly criticalPath: {
    readonly steps: readonly string[];
    /** Sum over the steps whose duration is known. Milliseconds; null when none is. */
    readonly expectedMs: number | null;
    /** Steps of the path of which no duration is known. */
    readonly unknown: number;
  };
  /** How its steps are set going, and why: chosen by the document, or by its shape (`auto`). */
  readonly mode: ModeChoice;
  /** 1 to 10, 10 the most urgent. */
  readonly priority: number;
  /** What its runs aim at: which of equally urgent ones goes first, and what the optimizer does for their tools. */
  readonly target: Target;
  /** BullMQ jobs of one run, items of forEach steps not counted. */
  readonly jobs: number;
  /** JSON Schema of the run's input. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly definition: RunDefinition;
  /** The tree of jobs, without the ids of a run. */
  readonly layout: Layout;
}

/** Puts a checked workflow in order. `hash` names a definition by its content. */
export function makePlan(checked: CheckedWorkflow, hash: (text: string) => string): Plan {
  const { workflow, dependencies, tools } = checked;
  const order = topologicalOrder(dependencies);
  if (order === null) throw new Error("a checked workflow has no cycle");
  const ids = workflow.steps.map((step) => step.id);
  const idsOf = (positions: readonly number[]) => positions.map((position) => ids[position]!);
  const levels = levelsOf(dependencies, order);
  const possible = streamedStages(workflow.steps, dependencies, order);
  const mode = chooseMode(checked, levels, possible.size);
  const streams = mode.mode === "pipeline" ? possible : new Map<number, number>();
  const steps = workflow.steps.map((step, index) => {
    const before = streams.get(index);
    const planned = plannedStep(step, tools[index], idsOf(dependencies[index]!));
    return before === undefined ? planned : { ...planned, streams: ids[before]! };
  });
  const path = heaviestPath(
    dependencies,
    order,
    steps.map((step) => step.expectedMs ?? 1),
  );
  const known = path.map((index) => steps[index]!.expectedMs).filter((ms) => ms !== null);
  const definition = defineRun(checked, mode.mode, streams);
  const layout = layOut(definition);
  return {
    workflow: { ...definition.workflow, hash: hash(JSON.stringify(definition)) },
    steps,
    levels: levels.map(idsOf),
    criticalPath: {
      steps: idsOf(path),
      expectedMs: known.length === 0 ? null : known.reduce((sum, ms) => sum + ms, 0),
      unknown: path.length - known.length,
    },
    mode,
    priority: workflow.priority,
    target: workflow.target,
    jobs: layout.length,
    ...given({ inputs: workflow.inputs }),
    definition,
    layout,
  };
}

function chooseMode(
  { workflow, tools }: CheckedWorkflow,
  levels: readonly (readonly number[])[],
  streamed: number,
): ModeChoice {
  if (workflow.mode !== "auto") return { mode: workflow.mode, reason: "the document says so" };
  const unlimited = tools.filter(
    (tool) =>
      tool !== undefined &&
      tool.limits.concurrency === undefined &&
      tool.limits.rate === undefined &&
      tool.limits.perKey === undefined &&
      Object.keys(tool.resources).length === 0 &&
      Object.keys(tool.budgets).length === 0,
  );
  return selectMode({
    steps: workflow.steps.length,
    width: widthOf(levels),
    streamedStages: streamed,
    unlimitedCalls: unlimited.length,
  });
}

function plannedStep(
  step: Step,
  tool: ToolSpec | undefined,
  dependencies: readonly string[],
): PlannedStep {
  const [kind = "tool"] = kindsOf(step);
  return {
    id: step.id,
    ...given({ name: step.name }),
    kind,
    tool: kind === "waitMs" ? "timer" : kind === "approval" ? "approval" : String(step[kind]),
    dependencies,
    expectedMs:
      typeof step.waitMs === "number" ? step.waitMs : (tool?.performance?.responseTimeMs ?? null),
    forEach: step.forEach !== undefined,
    ...given({ group: step.group, when: step.when }),
    resources: { ...tool?.resources, ...step.resources },
    budgets: budgetsOf(step, tool),
  };
}

function budgetsOf(step: Step, tool: ToolSpec | undefined): Record<string, Amounts> {
  const uses = Object.entries(tool?.budgets ?? {}).map(([name, ofTool]) => {
    const use = step.budgets?.[name];
    const amounts = amountsOf(ofTool);
    return [name, use === undefined ? amounts : amountsOf(use, amounts)] as const;
  });
  return Object.fromEntries(uses);
}

import {
  FOR_EACH_PARALLEL,
  MAX_ATTEMPTS,
  RETRY_BASE_DELAY_MS,
  RETRY_MAX_DELAY_MS,
  type ToolSpec,
} from "../../config/index.ts";
import {
  PAYLOAD_VERSION,
  type RetryPolicy,
  type RunDefinition,
  type StepDefinition,
} from "../../queues/index.ts";
import { heaviestPath, levelsOf, topologicalOrder } from "./dag.ts";
import { layOut, type Layout } from "./layout.ts";
import type { CheckedWorkflow } from "./meaning.ts";
import type { Step } from "./schema.ts";

/** A step as the plan shows it. */
export interface PlannedStep {
  readonly id: string;
  readonly name?: string;
  readonly tool: string;
  readonly dependencies: readonly string[];
  /** What the catalogue expects of one call. Milliseconds; null when nothing is known. */
  readonly expectedMs: number | null;
  readonly forEach: boolean;
  readonly when?: string;
  /** Share of one machine it holds while it runs. */
  readonly resources: Readonly<Record<string, number>>;
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
  const steps = workflow.steps.map((step, index) =>
    plannedStep(step, tools[index]!, idsOf(dependencies[index]!)),
  );
  const path = heaviestPath(
    dependencies,
    order,
    steps.map((step) => step.expectedMs ?? 1),
  );
  const known = path.map((index) => steps[index]!.expectedMs).filter((ms) => ms !== null);
  const definition = defineRun(checked, idsOf);
  const layout = layOut(definition);
  return {
    workflow: { ...definition.workflow, hash: hash(JSON.stringify(definition)) },
    steps,
    levels: levelsOf(dependencies, order).map(idsOf),
    criticalPath: {
      steps: idsOf(path),
      expectedMs: known.length === 0 ? null : known.reduce((sum, ms) => sum + ms, 0),
      unknown: path.length - known.length,
    },
    jobs: layout.length,
    ...(workflow.inputs === undefined ? {} : { inputs: workflow.inputs }),
    definition,
    layout,
  };
}

function plannedStep(step: Step, tool: ToolSpec, dependencies: readonly string[]): PlannedStep {
  return {
    id: step.id,
    ...(step.name === undefined ? {} : { name: step.name }),
    tool: step.tool,
    dependencies,
    expectedMs: tool.performance?.responseTimeMs ?? null,
    forEach: step.forEach !== undefined,
    ...(step.when === undefined ? {} : { when: step.when }),
    resources: step.resources ?? tool.resources,
  };
}

function defineRun(
  checked: CheckedWorkflow,
  idsOf: (positions: readonly number[]) => string[],
): RunDefinition {
  const { workflow, dependencies, tools } = checked;
  return {
    version: PAYLOAD_VERSION,
    workflow: { id: workflow.id, name: workflow.name ?? workflow.id },
    // A list, because an object has its own opinion on the order of keys such as "2" and "1".
    ...(workflow.mode === "sequential" ? { sequence: workflow.steps.map((step) => step.id) } : {}),
    onError: workflow.onError,
    timeoutMs: workflow.timeoutMs,
    steps: Object.fromEntries(
      workflow.steps.map((step, index) => [
        step.id,
        defineStep(step, tools[index]!, idsOf(dependencies[index]!)),
      ]),
    ),
    ...(workflow.output === undefined ? {} : { output: workflow.output }),
    success: workflow.success ?? [],
  };
}

function defineStep(step: Step, tool: ToolSpec, needs: readonly string[]): StepDefinition {
  return {
    tool: step.tool,
    ...(step.name === undefined ? {} : { name: step.name }),
    with: step.with ?? {},
    needs,
    join: step.join,
    ...(step.when === undefined ? {} : { when: step.when }),
    ...(step.forEach === undefined
      ? {}
      : {
          forEach: {
            items: step.forEach,
            as: step.as ?? "item",
            maxParallel: step.maxParallel ?? FOR_EACH_PARALLEL,
          },
        }),
    retry: retryPolicy(step, tool),
    timeoutMs: step.timeoutMs ?? tool.timeoutMs,
    optional: step.optional,
    idempotent: tool.idempotent,
  };
}

/** A tool that is not idempotent is called once, unless the workflow says otherwise (R72). */
function retryPolicy(step: Step, tool: ToolSpec): RetryPolicy {
  return {
    maxAttempts: step.retry?.maxAttempts ?? (tool.idempotent ? MAX_ATTEMPTS : 1),
    backoff: step.retry?.backoff ?? "exponential",
    baseDelayMs: step.retry?.baseDelayMs ?? RETRY_BASE_DELAY_MS,
    maxDelayMs: step.retry?.maxDelayMs ?? RETRY_MAX_DELAY_MS,
    jitter: step.retry?.jitter ?? true,
  };
}

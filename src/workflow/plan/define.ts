import {
  ADAPTIVE_WIDTH,
  DEFAULT_PRIORITY,
  DEFAULT_TARGET,
  FOR_EACH_PARALLEL,
  MAX_ATTEMPTS,
  RETRY_BASE_DELAY_MS,
  RETRY_MAX_DELAY_MS,
  RUN_TIMEOUT_MS,
  takesAnything,
  type ToolSpec,
  given,
} from "../../../config/index.ts";
import {
  compileStepLimits,
  PAYLOAD_VERSION,
  type ForEach,
  type LaneRule,
} from "../../../queues/client.ts";
import {
  type Condition,
  type RetryPolicy,
  type RunDefinition,
  type StepDefinition,
  type ToolTerms,
  type Wait,
} from "../../../queues/index.ts";
import type { CheckedWorkflow } from "../document/checked.ts";
import { conditionsOf, providersOf } from "../document/conditions.ts";
import { cacheOf, fallbackOf } from "../document/other-ways.ts";
import type { Step, Workflow } from "../document/schema.ts";
import type { Mode } from "./mode.ts";

/** What the definition of a step needs to know beside the step. */
interface Place {
  readonly needs: readonly string[];
  readonly tool: ToolSpec | undefined;
  readonly undoTool: ToolSpec | undefined;
  readonly alternatives: readonly ToolSpec[];
  /** Who establishes each condition, by name. */
  readonly providers: ReadonlyMap<string, readonly number[]>;
  readonly streams?: string;
  readonly feeds?: string;
}

/** A checked workflow as workers read it. */
export function defineRun(
  checked: CheckedWorkflow,
  mode: Mode,
  streams: ReadonlyMap<number, number>,
): RunDefinition {
  const { workflow, dependencies, tools, undoTools, alternatives } = checked;
  const ids = workflow.steps.map((step) => step.id);
  const feeds = new Map([...streams].map(([stage, before]) => [before, stage]));
  const providers = providersOf(workflow.steps);
  const nameOf = (position: number | undefined) =>
    position === undefined ? undefined : ids[position];
  const steps = workflow.steps.map((step, index) => {
    const before = nameOf(streams.get(index));
    const behind = nameOf(feeds.get(index));
    const place: Place = {
      needs: dependencies[index]!.map((position) => ids[position]!),
      tool: tools[index],
      undoTool: undoTools[index],
      alternatives: alternatives[index] ?? [],
      providers,
      ...given({ streams: before, feeds: behind }),
    };
    return [step.id, defineStep(workflow, step, place)] as const;
  });
  const events = workflow.steps.map((step) => step.event).filter((event) => event !== undefined);
  return {
    version: PAYLOAD_VERSION,
    workflow: { id: workflow.id, name: workflow.name ?? workflow.id },
    // A list, because an object has its own opinion on the order of keys such as "2" and "1".
    ...(mode === "sequential" ? { sequence: ids } : {}),
    ...(mode === "adaptive" ? { width: ADAPTIVE_WIDTH } : {}),
    onError: workflow.onError,
    ...(workflow.groups === undefined ? {} : { groups: groupsOf(workflow) }),
    timeoutMs: workflow.timeoutMs,
    ...(workflow.priority === DEFAULT_PRIORITY ? {} : { priority: workflow.priority }),
    ...(workflow.target === DEFAULT_TARGET ? {} : { target: workflow.target }),
    ...given({ inputs: workflow.inputs }),
    steps: Object.fromEntries(steps),
    ...termsOf(checked),
    ...given({ output: workflow.output }),
    success: workflow.success ?? [],
    ...(events.length === 0 ? {} : { listens: [...new Set(events)] }),
    ...(workflow.steps.some((step) => waitOf(step) !== undefined) ? { parks: true } : {}),
    ...(workflow.steps.some((step) => step.key !== undefined) ? { keyed: true } : {}),
  };
}

/** What the catalogue says of the tools that may be called. */
function termsOf({
  tools,
  undoTools,
  alternatives,
}: CheckedWorkflow): Pick<RunDefinition, "terms"> {
  const called = [...tools, ...undoTools, ...alternatives.flat()].filter(
    (one) => one !== undefined,
  );
  if (called.length === 0) return {};
  const terms = called.map(({ id, input, output, effect, idempotent }): [string, ToolTerms] => [
    id,
    {
      ...(takesAnything(input) ? {} : { input }),
      ...given({ output }),
      effect,
      idempotent,
    },
  ]);
  return { terms: Object.fromEntries(terms) };
}

function groupsOf(workflow: Workflow): NonNullable<RunDefinition["groups"]> {
  return Object.fromEntries(
    Object.entries(workflow.groups ?? {}).map(([id, { onError, ...rest }]) => [
      id,
      { ...rest, ...given({ onError }) },
    ]),
  );
}

function defineStep(workflow: Workflow, step: Step, place: Place): StepDefinition {
  const { tool, needs } = place;
  const wait = waitOf(step);
  const forEach = forEachOf(step, place);
  const preconditions = preconditionsOf(workflow, step, place.providers);
  const limits = tool === undefined ? undefined : compileStepLimits(tool, step);
  const cache = cacheOf(step, tool);
  const fallback = fallbackOf(step, place.alternatives, (one) => retryPolicy(step.retry, one));
  const postconditions = conditionsOf(step.postconditions).map(([, one]) => conditionOf(one));
  const checked = postconditions.filter(({ check }) => check !== undefined);
  return {
    tool: step.tool ?? (step.workflow === undefined ? (wait?.kind ?? "wait") : "workflow"),
    ...laneRule(tool),
    ...given({ key: step.key, name: step.name }),
    with: step.with ?? {},
    needs,
    join: step.join,
    ...given({ when: step.when, forEach, wait, workflow: step.workflow }),
    retry: retryPolicy(step.retry, tool),
    timeoutMs: step.timeoutMs ?? tool?.timeoutMs ?? 0,
    optional: step.optional,
    idempotent: tool?.idempotent ?? true,
    ...given({ limits, cache, fallback, group: step.group, onError: step.onError }),
    ...(step.compensate === undefined
      ? {}
      : { compensate: compensationOf(step.compensate, place.undoTool) }),
    ...(preconditions.length === 0 ? {} : { preconditions }),
    ...(checked.length === 0 ? {} : { postconditions: checked }),
  };
}

function laneRule(tool: ToolSpec | undefined): { lane?: LaneRule } {
  const by = tool?.limits.perKey?.by;
  return by === undefined ? {} : { lane: by };
}

function forEachOf(step: Step, { streams, feeds }: Place): ForEach | undefined {
  if (step.forEach === undefined) return undefined;
  return {
    items: step.forEach,
    as: step.as ?? "item",
    maxParallel: step.maxParallel ?? FOR_EACH_PARALLEL,
    ...given({ streams, feeds }),
  };
}

function waitOf(step: Step): Wait | undefined {
  if (step.approval !== undefined) return { kind: "approval", message: step.approval };
  if (step.waitMs !== undefined) return { kind: "timer", ms: step.waitMs };
  return step.event === undefined ? undefined : { kind: "event", name: step.event };
}

const conditionOf = (one: { name?: string | undefined; check?: string }): Condition => ({
  ...given({ name: one.name, check: one.check }),
});

/** Preconditions with the steps that establish them, and whether the run's input may. */
function preconditionsOf(
  workflow: Workflow,
  step: Step,
  providers: Place["providers"],
): Condition[] {
  const inputs = workflow.inputs?.["properties"];
  return conditionsOf(step.preconditions).map(([, one]) => {
    const { name } = one;
    if (name === undefined) return conditionOf(one);
    const by = (providers.get(name) ?? [])
      .map((position) => workflow.steps[position]!.id)
      .filter((id) => id !== step.id);
    const input = typeof inputs === "object" && inputs !== null && Object.hasOwn(inputs, name);
    return { ...conditionOf(one), by, ...(input ? { input } : {}) };
  });
}

function compensationOf(
  compensate: NonNullable<Step["compensate"]>,
  tool: ToolSpec | undefined,
): NonNullable<StepDefinition["compensate"]> {
  return {
    tool: compensate.tool,
    ...laneRule(tool),
    with: compensate.with ?? {},
    timeoutMs: compensate.timeoutMs ?? tool?.timeoutMs ?? RUN_TIMEOUT_MS,
    retry: retryPolicy(compensate.retry, tool),
    idempotent: tool?.idempotent ?? true,
  };
}

/** A tool that is not idempotent is called once, unless the workflow says otherwise. */
function retryPolicy(retry: Step["retry"], tool: ToolSpec | undefined): RetryPolicy {
  return {
    maxAttempts: retry?.maxAttempts ?? (tool?.idempotent === false ? 1 : MAX_ATTEMPTS),
    backoff: retry?.backoff ?? "exponential",
    baseDelayMs: retry?.baseDelayMs ?? RETRY_BASE_DELAY_MS,
    maxDelayMs: retry?.maxDelayMs ?? RETRY_MAX_DELAY_MS,
    jitter: retry?.jitter ?? true,
  };
}

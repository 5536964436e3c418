import {
  isJsonObject,
  TuttiError,
  type Json,
  type JsonObject,
  type Template,
  given,
} from "../../../config/index.ts";
import { FIELDS, type RetryPolicy } from "../../../queues/index.ts";
import type { Ending } from "../../../queues/worker.ts";
import type { CancelSource } from "../../cancellation.ts";
import { Redactor } from "../../tools/calling/secrets.ts";
import { postconditionError } from "../decisions/conditions.ts";
import { endOfFailure } from "../decisions/upstream.ts";
import { editedOf, fieldsOf, ownCopy, sortOut, type Found } from "../inputs.ts";
import type { Candidate } from "../pipeline/candidate.ts";
import { failure } from "../pipeline/failure.ts";
import { keepResult, recall } from "./recall.ts";

/** The call of a tool that a job stands for: that of its step, or the one that undoes it. */
export interface ToolCall {
  readonly tool: string;
  readonly idempotent: boolean;
  readonly retry: RetryPolicy;
  /** Longest time of one call. Milliseconds. */
  readonly timeoutMs: number;
  readonly signal: CancelSource;
  /** What has to be read of the run's record. */
  readonly fields: readonly string[];
  sortOut(values: readonly (string | null)[]): Promise<Found>;
  /**
   * The input: expressions filled in.
   *
   * @param unknown what is known of the worker of an earlier call, when its end is not and calling again is not safe.
   * @throws TuttiError `effect_unknown` then, `reference_missing`.
   */
  bind(found: Found, unknown: string | null): Promise<JsonObject>;
  /** The ending that an earlier result gives; null when the tool has to be called. */
  recall(input: JsonObject, attempt: number, found: Found): Promise<Ending | null>;
  /** Calls the tool. What it throws is for the caller to judge. */
  make(input: JsonObject, attempt: number, found: Found): Promise<Ending>;
}

/** The call that a job stands for. */
export function callOf(candidate: Candidate, signal: CancelSource): ToolCall {
  return candidate.job.data.undo === true
    ? undoingCall(candidate, signal)
    : stepCall(candidate, signal);
}

function stepCall(candidate: Candidate, signal: CancelSource): ToolCall {
  const { engine, job, step } = candidate;
  const { definition } = step;
  const { runId, stepId, item, alt } = job.data;
  const other = alt === undefined ? undefined : definition.fallback?.tools[alt.n - 1];
  const called = other ?? definition;
  const template = (alt === undefined ? undefined : step.others[alt.n - 1]) ?? step.input;
  return {
    tool: called.tool,
    idempotent: called.idempotent,
    retry: called.retry,
    timeoutMs: called.timeoutMs,
    signal,
    fields: [...fieldsOf(step, job.data), ...editedOf(job.data)],
    sortOut: (values) => sortOut(engine, job.data, step, values),
    async bind(found, unknown) {
      const input =
        other?.with === undefined
          ? await ownInput(candidate, found)
          : await bind(candidate, template, other.with, found);
      if (unknown !== null) throw unknownEffect(called.tool, unknown);
      return input;
    },
    async recall(input, attempt, found) {
      const { cache } = definition;
      return cache === undefined || other !== undefined
        ? null
        : recall(candidate, input, attempt, found, cache.ttlMs);
    },
    async make(input, attempt, found) {
      const output = await callTool(candidate, signal, called, input, attempt, template);
      // Only what there is a result of could have been kept.
      if (called.idempotent && definition.cache === undefined) {
        const isRepeat = engine.repeats.isRepeat(called.tool, job.data.tenant, input);
        if (isRepeat !== null) engine.meter.checked(called.tool, isRepeat);
      }
      const error = postconditionError(step, found, output);
      const stored = await engine.values.draft(runId, FIELDS.output(stepId, item), output);
      if (error !== null)
        return { ...failure(candidate, error, { attempts: attempt }), output: stored };
      if (other === undefined) await keepResult(candidate, input, output);
      return {
        outcome: "completed",
        attempts: attempt,
        output: stored,
        ...(other === undefined ? {} : { source: { via: other.tool } }),
        ...(definition.compensate === undefined ? {} : { undoable: true }),
      };
    },
  };
}

function undoingCall(candidate: Candidate, signal: CancelSource): ToolCall {
  const { engine, job, step } = candidate;
  const { compensate } = step.definition;
  const { runId, workflowId, epoch, stepId, item } = job.data;
  if (compensate === undefined || step.undo === undefined)
    throw new TuttiError("internal_error", `${stepId} has no compensation`);
  const template = step.undo;
  return {
    tool: compensate.tool,
    idempotent: compensate.idempotent,
    retry: compensate.retry,
    timeoutMs: compensate.timeoutMs,
    signal,
    fields: [FIELDS.output(stepId, item), FIELDS.submittedAt],
    async sortOut([output, submittedAt]) {
      const run = { runId, epoch, submittedAt: submittedAt ?? "" };
      return {
        dependencies: new Map(),
        variables: {
          run: { id: runId, workflow: workflowId },
          input: (await engine.values.shared(run, FIELDS.input)) ?? {},
          output: (await engine.values.get(runId, FIELDS.output(stepId, item), output)) ?? null,
        },
        shared: true,
      };
    },
    async bind(found, unknown) {
      const input = await bind(candidate, template, compensate.with, found);
      if (unknown !== null) throw unknownEffect(compensate.tool, unknown);
      return input;
    },
    recall: () => Promise.resolve(null),
    async make(input, attempt) {
      const output = await callTool(candidate, signal, compensate, input, attempt, template);
      const field = FIELDS.output(stepId, item, true);
      return {
        outcome: "completed",
        attempts: attempt,
        output: await engine.values.draft(runId, field, output),
      };
    },
  };
}

/** What is said of a call that may have had its effect. `known`: what is known of its worker. */
export const unknownEffect = (tool: string, known: string): TuttiError =>
  new TuttiError(
    "effect_unknown",
    `no result of the call of ${tool} has come: ${known}; the tool is not idempotent, so it is not called again`,
  );

/** Calls a tool, when its permit lets it, and tells the gate how that went. */
async function callTool(
  { engine, job, token, workflow }: Candidate,
  signal: CancelSource,
  { tool, timeoutMs }: { readonly tool: string; readonly timeoutMs: number },
  input: JsonObject,
  attempt: number,
  template: Template,
): Promise<Json> {
  const { runId, stepId, tenant, actor, correlationId } = job.data;
  const { keeper, settlement } = engine;
  const { terms: all = {} } = workflow.definition;
  const terms = Object.hasOwn(all, tool) ? all[tool] : undefined;
  const leaving = { id: job.id, token };
  await keeper.ready(leaving, signal);
  try {
    const output = await engine.tools.call(
      tool,
      input,
      {
        runId,
        stepId,
        tenant,
        actor,
        correlationId,
        attempt,
        signal,
        secret: (name) => engine.secret(name),
      },
      { timeoutMs, secrets: template.secrets, terms },
    );
    const actual = settlement.actual(tool, input, output);
    keeper.ended(leaving, { class: "ok", ...given({ actual }) });
    return output;
  } catch (thrown) {
    keeper.ended(leaving, signal.aborted ? { class: "none" } : endOfFailure(thrown));
    throw thrown;
  }
}

/** The input of a step's own call: what was given when the run was resumed, or its expressions filled in. */
export async function ownInput(candidate: Candidate, found: Found): Promise<JsonObject> {
  const { definition, input } = candidate.step;
  return found.edited === undefined
    ? bind(candidate, input, definition.with, found)
    : asObject(found.edited);
}

/** The input of a call: expressions filled in. */
async function bind(
  { engine, job, step }: Candidate,
  template: Template,
  source: Json,
  found: Found,
): Promise<JsonObject> {
  if (!template.dynamic) return asObject(source);
  const { runId, stepId, item } = job.data;
  const variables: Record<string, unknown> = { ...found.variables };
  const redactor = new Redactor();
  if (template.secrets.size > 0) {
    const secret = redactor.watch((name) => engine.secret(name));
    variables["secrets"] = Object.fromEntries(
      [...template.secrets].map((name) => [name, secret(name)]),
    );
  }
  if (item !== undefined) {
    variables[step.definition.forEach?.as ?? "item"] = await engine.items.get(runId, stepId, item);
    variables["index"] = item;
  }
  try {
    return asObject(await ownCopy(found, asObject(template.render(variables))));
  } catch (thrown) {
    // An expression that fails tells what it was given.
    throw redactor.error(thrown);
  }
}

function asObject(value: Json): JsonObject {
  if (isJsonObject(value)) return value;
  throw new TuttiError("internal_error", "the input of a step is an object by its schema");
}

import * as z from "zod";

import {
  DEFAULT_PRIORITY,
  DEFAULT_TARGET,
  FOR_EACH_PARALLEL,
  MAX_ATTEMPTS,
  MAX_PRIORITY,
  RETRY_BASE_DELAY_MS,
  RETRY_MAX_DELAY_MS,
  RUN_TIMEOUT_MS,
  TARGETS,
} from "../../../config/index.ts";

/** Steps of one workflow. Above this the reachability table of the planner would outgrow memory. */
const MAX_STEPS = 20_000;

/** Longest time that Node's timers can hold. Milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

/** Longest wait of a `waitMs` step: ten years. Milliseconds. */
const MAX_WAIT_MS = 315_360_000_000;

/** Longest time for which results are kept: 30 days. Milliseconds. */
const MAX_CACHE_MS = 2_592_000_000;

/** Ids become parts of job ids, so they follow BullMQ's rules. */
const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "1 to 64 characters of A-Z a-z 0-9 _ -");

/** Names of events: the same over all workflows. */
const eventName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,100}$/, "1 to 100 characters of A-Z a-z 0-9 . _ -");

const ON_ERROR = ["resilient", "fail_fast", "recovery", "adaptive"] as const;

const expression = z.string().min(1).max(10_000);
const timeoutMs = z.int().min(1).max(MAX_TIMER_MS);

const retry = z
  .strictObject({
    maxAttempts: z
      .int()
      .min(1)
      .max(100)
      .optional()
      .meta({
        description: `All calls, the first included. Default: ${MAX_ATTEMPTS}, and 1 for tools that are not idempotent.`,
      }),
    backoff: z.enum(["exponential", "linear", "fixed"]).default("exponential"),
    baseDelayMs: z.int().min(0).max(MAX_TIMER_MS).default(RETRY_BASE_DELAY_MS),
    maxDelayMs: z.int().min(0).max(MAX_TIMER_MS).default(RETRY_MAX_DELAY_MS),
    jitter: z
      .boolean()
      .default(true)
      .meta({ description: "Spreads each pause over its second half." }),
  })
  .meta({ description: "How often and how patiently the step is tried." });

/** A condition: a name, or an expression that decides it, or both. */
const condition = z.union(
  [
    z.string().min(1).max(10_000),
    z.strictObject({ name: z.string().min(1).max(200).optional(), check: expression }),
  ],
  { error: "a name, or an object with check" },
);

const compensate = z
  .strictObject({
    tool: z.string().min(1).max(100).meta({ description: "Id of a tool of the catalogue." }),
    with: z.record(z.string(), z.json()).optional().meta({
      description: "Input of the tool; `output` is what the call that is undone returned.",
    }),
    timeoutMs: timeoutMs.optional(),
    retry: retry.optional(),
  })
  .meta({ description: "How a completed call is undone when a recovery policy asks for it." });

/** What a call takes of a budget; what is left out is the tool's. */
const budgetTake = z.union(
  [
    z.int().min(1),
    z.strictObject({ slots: z.int().min(0).optional(), cost: z.int().min(0).optional() }),
  ],
  { error: "a number above 0, or an object with slots and cost" },
);

/** Results that stand for calls. */
const cache = z
  .strictObject({
    ttlMs: z.int().min(1).max(MAX_CACHE_MS).meta({
      description:
        "So long a result of the same call completes the step, and its tool is not called.",
    }),
    staleMs: z.int().min(1).max(MAX_CACHE_MS).optional().meta({
      description: "So long it is kept for a `fallback`. Default: ttlMs.",
    }),
    insist: z.boolean().default(false).meta({
      description: "Also for a tool that does more than read, or is not idempotent.",
    }),
  })
  .meta({ description: "Results of earlier calls with the same input that stand for a call." });

/** What is tried before a step fails. */
const fallback = z
  .union(
    [
      z.literal(true),
      z.strictObject({
        tool: z.string().min(1).max(100).optional().meta({
          description:
            "A tool with a capability of the step's own. Default: its alternatives in the catalogue.",
        }),
        with: z
          .record(z.string(), z.json())
          .optional()
          .meta({ description: "Input of that tool. Default: the step's." }),
        cache: z.boolean().optional().meta({
          description:
            "Whether a kept result follows, however old. Default: when the step has a cache.",
        }),
      }),
    ],
    { error: "true, or an object with tool, with and cache" },
  )
  .meta({
    description:
      "What is tried when the call has failed for good: another tool, then a kept result.",
  });

/** One step: a call of a tool, a run of another workflow, or a wait. */
export const stepSchema = z.strictObject({
  id: id.meta({ description: "Unique in the workflow." }),
  name: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .meta({ description: "What people read instead of the id." }),
  tool: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: "Id of a tool of the catalogue." }),
  workflow: id
    .optional()
    .meta({ description: "Instead of a tool: a registered workflow; `with` is its input." }),
  approval: z
    .string()
    .min(1)
    .max(2_000)
    .optional()
    .meta({ description: "Instead of a tool: waits until somebody approves; what they read." }),
  waitMs: z
    .union([z.int().min(0).max(MAX_WAIT_MS), expression], { error: "a number of milliseconds" })
    .optional()
    .meta({ description: "Instead of a tool: waits so long. Milliseconds, or an expression." }),
  event: eventName
    .optional()
    .meta({ description: "Instead of a tool: waits for this event; its data is the output." }),
  with: z.record(z.string(), z.json()).optional().meta({
    description:
      "Input of the tool. Text may hold ${{ expressions }}; a reference to a step makes it a dependency.",
  }),
  needs: z
    .array(z.string())
    .optional()
    .meta({ description: "Steps that must have ended before this one starts." }),
  when: expression
    .optional()
    .meta({ description: "The step is skipped when this expression is false." }),
  forEach: expression.optional().meta({
    description: "An expression that yields a list: the tool is called once for each of its items.",
  }),
  as: z.string().optional().meta({
    description: 'What an item is called in expressions. Default: "item"; its position is "index".',
  }),
  maxParallel: z
    .int()
    .min(1)
    .max(1_000)
    .optional()
    .meta({
      description: `Items of the forEach that wait or run at once. Default: ${FOR_EACH_PARALLEL}.`,
    }),
  join: z.enum(["all", "settled", "any"]).default("all").meta({
    description:
      "all: every dependency must have completed (or be optional), else the step is skipped. settled: it runs however they ended. any: it starts when the first completed.",
  }),
  group: id.optional().meta({ description: "The group of `groups` that the step belongs to." }),
  onError: z
    .enum(ON_ERROR)
    .optional()
    .meta({ description: "What a failure of this step does, instead of its group or workflow." }),
  compensate: compensate.optional(),
  retry: retry.optional(),
  timeoutMs: timeoutMs.optional().meta({
    description:
      "Longest time of one call, of the wait or of the other workflow's run. Default: the tool's; a wait has none.",
  }),
  optional: z.boolean().default(false).meta({
    description: "A failure of this step counts neither for its dependents nor for the run.",
  }),
  preconditions: z.array(condition).optional().meta({
    description:
      "Conditions that must hold. By name: the step depends on every step that establishes it.",
  }),
  postconditions: z.array(condition).optional().meta({
    description:
      "Conditions that hold once the step has completed; with `check` only if that holds.",
  }),
  key: expression.optional().meta({
    description:
      "Whose limits the call is counted under, for a tool with limits per key: an expression over the run's input.",
  }),
  resources: z.record(z.string().min(1), z.number().min(0)).optional().meta({
    description:
      "Share of one machine that the step needs, by resource, instead of the tool's. Refused above 1.",
  }),
  budgets: z.record(z.string().min(1), budgetTake).optional().meta({
    description:
      "What a call takes of the budgets that its tool uses, by name, instead of what the tool says.",
  }),
  cache: cache.optional(),
  fallback: fallback.optional(),
});

/** A workflow document. */
export const workflowSchema = z
  .strictObject({
    tutti: z.literal(1).meta({ description: "Version of this format." }),
    id: id.meta({ description: "Unique name of the workflow." }),
    name: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .meta({ description: "What people read instead of the id." }),
    description: z.string().optional(),
    inputs: z.record(z.string(), z.unknown()).optional().meta({
      description:
        "JSON Schema (draft-07, 2019-09 or 2020-12) of the run's input; defaults are filled in.",
    }),
    mode: z
      .enum(["parallel", "sequential", "adaptive", "pipeline", "auto"])
      .default("parallel")
      .meta({
        description:
          "parallel: every step starts as soon as its dependencies allow. sequential: one after another. adaptive: as many calls at once as the tools take well. pipeline: items flow through their stages one by one. auto: chosen by the shape of the workflow.",
      }),
    target: z.enum(TARGETS).default(DEFAULT_TARGET).meta({
      description:
        "What its runs aim at: which of equally urgent runs goes first, and what the optimizer does for the tools that they call most.",
    }),
    onError: z.enum(ON_ERROR).default("resilient").meta({
      description:
        "resilient: independent steps go on. fail_fast: the first failure cancels the rest. recovery: it does, and what completed is undone. adaptive: depends on the error.",
    }),
    groups: z
      .record(
        id,
        z.strictObject({
          onError: z.enum(ON_ERROR).optional().meta({
            description:
              "What a failure of a member does to the group. Default: what the workflow says, to the run.",
          }),
          optional: z
            .boolean()
            .default(false)
            .meta({ description: "Failures of members do not count for the run." }),
          escalate: z.boolean().default(false).meta({
            description: "Failures of members are failures for the workflow's policy too.",
          }),
        }),
      )
      .optional()
      .meta({ description: "Groups of steps with an error policy of their own." }),
    priority: z.int().min(1).max(MAX_PRIORITY).default(DEFAULT_PRIORITY).meta({
      description: "How urgent its runs are, 10 the most.",
    }),
    timeoutMs: timeoutMs.default(RUN_TIMEOUT_MS).meta({ description: "Longest time of a run." }),
    steps: z.array(stepSchema).min(1).max(MAX_STEPS),
    output: z
      .json()
      .optional()
      .meta({ description: "The run's output: a value with expressions." }),
    success: z.array(expression).optional().meta({
      description:
        "Expressions that must hold, else the run ends as completed_with_unmet_criteria.",
    }),
  })
  .meta({ title: "Tutti workflow" });

/** A document as it is written: defaults may be missing. */
export type WorkflowDocument = z.input<typeof workflowSchema>;
/** A document whose shape is right, defaults filled in. */
export type Workflow = z.output<typeof workflowSchema>;
export type Step = Workflow["steps"][number];

/**
 * Words of the format that are decided and not built yet. They are refused by name, because an
 * option that does nothing is worse than one that does not exist.
 */
export const PLANNED = {
  workflowKeys: new Set(["triggers", "schedule"]),
  stepKeys: new Set(["priority"]),
} as const;

/** The format as JSON Schema, for editors. Checked in as schema/workflow.json. */
export function workflowJsonSchema(): object {
  return z.toJSONSchema(workflowSchema, { io: "input", target: "draft-2020-12" });
}

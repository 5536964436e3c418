import * as z from "zod";

import {
  quoted,
  STRATEGY_NAMES,
  TARGETS,
  type Issue,
  type ToolRegistry,
  given,
} from "../../../config/index.ts";
import { checkForm } from "../../forms.ts";
import type { OptimizerReport } from "../think.ts";
import type { Adjustment } from "../tuning/adjustment.ts";
import type { CapChange } from "../tuning/caps.ts";
import type { AuditEntry } from "./audit.ts";
import { divide, type Applied } from "./following.ts";
import type { Optimizer } from "./optimizer.ts";
import { makePlans, type Plans } from "./planning.ts";
import { tryOn, type Simulation } from "./simulation.ts";

/** What people ask of the optimizer. */
export type AskedOptimizer = Pick<
  Optimizer,
  "report" | "history" | "record" | "planFacts" | "ask" | "rollBack"
>;

interface OptimizerDoorParts {
  /** Held to the deadlines of the client: what is thought about its answers may take longer. */
  readonly optimizer: AskedOptimizer;
  readonly registry: ToolRegistry;
}

const historyForm = z.strictObject({
  /** Entries at most, the newest first. Default: 100. */
  limit: z.int().positive().max(1_000).default(100),
});

const rollbackForm = z.strictObject({
  /** The adjustment's id, as the history tells it. */
  id: z.int().positive(),
  /** Who says so. Default: an operator. */
  by: z.string().min(1).max(200).default("an operator"),
  /** Only says what would be taken back. Default: false. */
  dryRun: z.boolean().default(false),
});

const limit = z.int().positive().max(100_000);
export const simulationForm = z
  .strictObject({
    tools: z
      .record(
        z.string().min(1),
        z
          .strictObject({
            concurrency: limit.optional(),
            rates: z
              .array(z.strictObject({ max: z.int().positive(), durationMs: z.int().positive() }))
              .max(10)
              .optional(),
          })
          .refine((value) => Object.keys(value).length > 0, {
            error: "expected something to change",
          }),
      )
      .default({})
      .describe(
        "New limits of tools, by id: calls at once, and windows of their own rates in the place of the old ones.",
      ),
    machines: z
      .int()
      .positive()
      .max(100)
      .optional()
      .describe("Machines in all; those that are added are like the last one."),
    plays: z
      .int()
      .min(2)
      .max(200)
      .default(20)
      .describe("How often the load is played, each time by another chance. Default: 20."),
  })
  .refine(({ tools, machines }) => machines !== undefined || Object.keys(tools).length > 0, {
    error: "expected tools or machines to change, got: neither",
  });

export const plansForm = z.strictObject({
  targets: z
    .array(z.enum(TARGETS))
    .min(1)
    .max(TARGETS.length)
    .default([...TARGETS])
    .describe("What they aim at. Default: each target there is."),
  strategies: z
    .array(z.enum(STRATEGY_NAMES).nullable())
    .min(1)
    .max(STRATEGY_NAMES.length + 1)
    .default([null])
    .describe("How daringly machines are filled; null: as they are. Default: as they are."),
  plays: z
    .int()
    .min(1)
    .max(200)
    .default(5)
    .describe("How often the load is played, each time by another chance. Default: 5."),
});

/** What `apply` asks for. */
export const applyForm = z.strictObject({
  target: z.enum(TARGETS).describe("What it aims at."),
  strategy: z
    .enum(STRATEGY_NAMES)
    .nullable()
    .default(null)
    .describe("How daringly machines are filled. Default: as they are."),
  plays: z
    .int()
    .min(1)
    .max(200)
    .default(5)
    .describe("How often the load is played, each time by another chance. Default: 5."),
  by: z
    .string()
    .min(1)
    .max(200)
    .default("an operator")
    .describe("Who says so. Default: an operator."),
});

/** What the scheduled optimizer sees and does: `tutti.optimizer`. */
export class OptimizerDoor {
  readonly #parts: OptimizerDoorParts;

  constructor(parts: OptimizerDoorParts) {
    this.#parts = parts;
  }

  /**
   * Metrics, health, bottlenecks and alerts, as the last pass saw them. Null before the first: no worker has
   * run for long enough.
   */
  async report(): Promise<OptimizerReport | null> {
    const { optimizer } = this.#parts;
    return optimizer.report();
  }

  /**
   * What was changed, by whom and why, and what it did, the newest first.
   *
   * @throws ValidationError `request_invalid` with every problem.
   */
  async history(form: z.input<typeof historyForm> = {}): Promise<AuditEntry[]> {
    const { optimizer } = this.#parts;
    return optimizer.history(checkForm(historyForm, form).limit);
  }

  /**
   * What other limits would have done to the load of the last minutes; nothing is changed. Jobs come as they came:
   * that a step which ends earlier lets the next one begin earlier is not in it.
   *
   * @throws TuttiError `nothing_recorded`. ValidationError `request_invalid` with every problem, also for a tool
   * that does not exist.
   */
  async simulate(form: z.input<typeof simulationForm>): Promise<Simulation> {
    const { optimizer, registry } = this.#parts;
    const unknown = Object.keys(form.tools ?? {}).filter((id) => registry.get(id) === undefined);
    const { tools, machines, plays } = checkForm(simulationForm, form, unknown.map(noTool));
    const change = { tools, ...given({ machines }) };
    return tryOn(await optimizer.record(), change, plays);
  }

  /**
   * What should be changed for targets: how many calls of tools at once, and how many machines; and what that would have
   * done to the load of the last minutes. Nothing is changed.
   *
   * @throws TuttiError `nothing_recorded`. ValidationError `request_invalid` with every problem.
   */
  async plans(form: z.input<typeof plansForm> = {}): Promise<Plans> {
    const { optimizer } = this.#parts;
    const orders = checkForm(plansForm, form);
    const [recorded, facts] = await Promise.all([optimizer.record(), optimizer.planFacts()]);
    return makePlans(recorded, orders, facts);
  }

  /**
   * Makes a plan and has the optimizer follow it: its changes of tools that have a concurrency of their own, one after
   * another, in the place of what was asked for before. Each is measured, and taken back where it does harm. Machines,
   * strategies, and tools that somebody has set by hand are left to people.
   *
   * @throws TuttiError `nothing_recorded`; `optimizer_inactive`: it is turned off, or runs dry. ValidationError
   * `request_invalid` with every problem.
   */
  async apply(form: z.input<typeof applyForm>): Promise<Applied> {
    const { optimizer } = this.#parts;
    const { target, strategy, plays, by } = checkForm(applyForm, form);
    const [recorded, facts] = await Promise.all([optimizer.record(), optimizer.planFacts()]);
    const orders = { targets: [target], strategies: [strategy], plays };
    const made = await makePlans(recorded, orders, facts);
    const { asked, left } = divide(made.plans[0]!.actions, facts.room);
    await optimizer.ask(asked.map(({ tool, to, why }) => ({ tool, to, why, target, by })));
    return { ...made, asked, left };
  }

  /**
   * Takes an adjustment back; its tool is then left alone for half an hour, also by the learner whose cap it was.
   *
   * @throws TuttiError `adjustment_not_found`. ValidationError `request_invalid` with every problem.
   */
  async rollback(form: z.input<typeof rollbackForm>): Promise<Adjustment | CapChange> {
    const { optimizer } = this.#parts;
    const { id, by, dryRun } = checkForm(rollbackForm, form);
    return optimizer.rollBack(id, by, dryRun);
  }
}

const noTool = (id: string): Issue => ({
  code: "request_invalid",
  message: `there is no tool ${quoted(id)}`,
  path: ["tools", id],
});

import * as z from "zod";

import { IMPORTANCES } from "../../../config/index.ts";
import { LEVELS } from "../../../queues/client.ts";

const rates = z
  .array(z.strictObject({ max: z.int().positive(), durationMs: z.int().positive() }))
  .min(1)
  .max(10);
const RATES = "Windows that all hold, over all workers; in the place of the old ones.";
const slots = z.int().positive().max(100_000);

/** New limits of a tool. What is left out stays as it is. */
export const toolChange = z
  .strictObject({
    concurrency: slots.optional().describe("Calls at once, over all workers."),
    rates: rates.optional().describe(RATES),
    cost: z.int().positive().optional().describe("Units of its own rates that a call costs."),
    resources: z
      .record(z.string().min(1).max(100), z.number().min(0).max(1))
      .optional()
      .describe("Shares of one machine by resource; 0: it needs none of it."),
    importance: z.enum(IMPORTANCES).optional().describe("What it is worth when not all can run."),
  })
  .refine((value) => Object.keys(value).length > 0, { error: "expected something to change" });

/** New limits of a budget. What is left out stays as it is. */
export const budgetChange = z
  .strictObject({
    slots: slots.optional().describe("Slots in all."),
    rates: rates.optional().describe(RATES),
  })
  .refine((value) => Object.keys(value).length > 0, { error: "expected something to change" });

/** The level at which the deployment is to work. */
export const levelChange = z.strictObject({
  level: z.enum([...LEVELS, "auto"]).describe("`auto`: what fails decides."),
  by: z.string().min(1).max(200).optional().describe("Who says so. Default: an operator."),
  reason: z.string().min(1).max(1_000).optional().describe("Stands in the history. Default: none."),
  forMs: z
    .int()
    .positive()
    .max(31_536_000_000)
    .optional()
    .describe(
      "For how long; then what fails decides again. Milliseconds. Default: until told otherwise.",
    ),
});

export type LevelSetting = z.input<typeof levelChange>;
export type ToolChange = z.input<typeof toolChange>;
export type BudgetChange = z.input<typeof budgetChange>;

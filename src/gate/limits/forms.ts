import { z } from "zod";

import { IMPORTANCES } from "../../../config/index.ts";
import { LEVELS } from "../../../queues/client.ts";

const rates = z
  .array(z.strictObject({ max: z.int().positive(), durationMs: z.int().positive() }))
  .min(1)
  .max(10);
const slots = z.int().positive().max(100_000);

/** New limits of a tool. What is left out stays as it is. */
export const toolChange = z
  .strictObject({
    /** Calls at once, over all workers. */
    concurrency: slots.optional(),
    /** Windows that all hold, over all workers; in the place of the old ones. */
    rates: rates.optional(),
    /** Units of its own rates that a call costs. */
    cost: z.int().positive().optional(),
    /** Shares of one machine by resource; 0: it needs none of it. */
    resources: z.record(z.string().min(1).max(100), z.number().min(0).max(1)).optional(),
    importance: z.enum(IMPORTANCES).optional(),
  })
  .refine((value) => Object.keys(value).length > 0, { error: "expected something to change" });

/** New limits of a budget. What is left out stays as it is. */
export const budgetChange = z
  .strictObject({ slots: slots.optional(), rates: rates.optional() })
  .refine((value) => Object.keys(value).length > 0, { error: "expected something to change" });

/** The level at which the deployment is to work. */
export const levelChange = z.strictObject({
  /** `auto`: what fails decides. */
  level: z.enum([...LEVELS, "auto"]),
  /** Who says so. Default: an operator. */
  by: z.string().min(1).max(200).optional(),
  /** Default: none. */
  reason: z.string().min(1).max(1_000).optional(),
  /** For how long; then what fails decides again. Milliseconds. Default: until told otherwise. */
  forMs: z.int().positive().max(31_536_000_000).optional(),
});

export type LevelSetting = z.input<typeof levelChange>;
export type ToolChange = z.input<typeof toolChange>;
export type BudgetChange = z.input<typeof budgetChange>;

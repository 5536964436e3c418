import * as z from "zod";

import type { Json } from "../../../config/index.ts";
import { inputForm } from "../../forms.ts";

const actor = z
  .string()
  .min(1)
  .max(200)
  .optional()
  .describe('Who asks, as it stands in the record. Default: "unknown".');
/** Checked where it is kept: by reference, because a copy would lose keys such as `__proto__`. */
export const jsonForm = z.custom<Json>();
const stepIds = z.array(z.string().min(1).max(200)).min(1).max(20_000);

/** How a run is paused. */
export const pauseForm = z.strictObject({ actor });
export type PauseForm = z.input<typeof pauseForm>;

/** What is resumed, and how. Without any of it a paused run just goes on. */
export const resumeForm = z.strictObject({
  steps: stepIds.optional().describe("Steps that failed or were cancelled. Default: all of them."),
  from: stepIds.optional().describe("Steps in whatever state, instead of `steps`."),
  input: inputForm
    .optional()
    .describe("New input of the run for what runs again; checked against the workflow's `inputs`."),
  with: z
    .record(z.string(), inputForm)
    .optional()
    .describe(
      "By step that runs again: its input instead of the one in the workflow. Values, no expressions.",
    ),
  actor,
});
export type ResumeForm = z.input<typeof resumeForm>;

/** Who decides. */
export const byForm = z.strictObject({ by: actor });
export type ByForm = z.input<typeof byForm>;

/** Who decides, and what goes with it. */
export const decisionForm = z.strictObject({
  by: actor,
  data: jsonForm
    .optional()
    .describe("Stands in the step's output, or in the details of its error. Default: null."),
});
export type DecisionForm = z.input<typeof decisionForm>;

const tenant = z
  .string()
  .min(1)
  .max(200)
  .optional()
  .describe("Whom it is about. Default: everybody.");
export const tenantForm = z.strictObject({ tenant });
export type TenantForm = z.input<typeof tenantForm>;

export const replayAllForm = z.strictObject({ tenant, actor });
export type ReplayAllForm = z.input<typeof replayAllForm>;

/** Which page of a list. */
export const pageForm = z.strictObject({
  tenant,
  limit: z.int().min(1).max(1_000).optional().describe("How many at most. Default: 50."),
  offset: z.int().min(0).optional().describe("How many to leave out. Default: 0."),
});
export type PageForm = z.input<typeof pageForm>;

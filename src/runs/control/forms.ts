import { z } from "zod";

import type { Json } from "../../../config/index.ts";
import { inputForm } from "../../forms.ts";

/** Who asks, as it stands in the record. Default: "unknown". */
const actor = z.string().min(1).max(200).optional();
/** Checked where it is kept: by reference, because a copy would lose keys such as `__proto__`. */
export const jsonForm = z.custom<Json>();
const stepIds = z.array(z.string().min(1).max(200)).min(1).max(20_000);

/** How a run is paused. */
export const pauseForm = z.strictObject({ actor });
export type PauseForm = z.input<typeof pauseForm>;

/** What is resumed, and how. Without any of it a paused run just goes on. */
export const resumeForm = z.strictObject({
  /** Steps that failed or were cancelled. Default: all of them. */
  steps: stepIds.optional(),
  /** Steps in whatever state, instead of `steps`. */
  from: stepIds.optional(),
  /** The new input of the run, for what runs again; checked against the workflow's `inputs`. */
  input: inputForm.optional(),
  /** By step that runs again: its input instead of the one in the workflow. Values, no expressions. */
  with: z.record(z.string(), inputForm).optional(),
  actor,
});
export type ResumeForm = z.input<typeof resumeForm>;

/** Who decides. */
export const byForm = z.strictObject({ by: actor });
export type ByForm = z.input<typeof byForm>;

/** Who decides, and what goes with it: it stands in the step's output, or in the details of its error. */
export const decisionForm = z.strictObject({ by: actor, data: jsonForm.optional() });
export type DecisionForm = z.input<typeof decisionForm>;

/** Whom something is about. Default: everybody. */
const tenant = z.string().min(1).max(200).optional();
export const tenantForm = z.strictObject({ tenant });
export type TenantForm = z.input<typeof tenantForm>;

export const replayAllForm = z.strictObject({ tenant, actor });
export type ReplayAllForm = z.input<typeof replayAllForm>;

/** Which page of a list. */
export const pageForm = z.strictObject({
  tenant,
  limit: z.int().min(1).max(1_000).optional(),
  offset: z.int().min(0).optional(),
});
export type PageForm = z.input<typeof pageForm>;

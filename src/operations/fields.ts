import * as z from "zod";

import { inputForm } from "../forms.ts";

/** A name of anything. */
export const name = z.string().min(1).max(200);

export const runId = name.describe("Id of the run.");
export const stepId = name.describe("Id of the step; `<id>[i]` for an item of a forEach.");
export const workflowId = name.describe("Id of the registered workflow.");
export const hash = name.optional().describe("Version of the workflow. Default: the current one.");
export const toolId = name.describe("Id of the tool.");
export const budgetName = name.describe("Name of the budget.");

/** Makes a call repeatable. The client checks its length, because a header says it otherwise than a field. */
export const key = z.string().optional().describe("The same key is the same call.");

/** A workflow document, or its YAML or JSON text. */
export const document = z
  .union([z.string(), inputForm], { error: "expected an object or a text" })
  .describe("A workflow document, or its YAML or JSON text.");

/** How many of a list, in an address. */
export const limitUpTo = (max: number) => z.coerce.number().int().min(1).max(max);

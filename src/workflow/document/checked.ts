import type { ToolSpec } from "../../../config/index.ts";
import type { Workflow } from "./schema.ts";

/** A workflow without problems, with everything the checks found out. */
export interface CheckedWorkflow {
  readonly workflow: Workflow;
  /** All dependencies of each step, in the order of `workflow.steps`: positions of steps. */
  readonly dependencies: readonly (readonly number[])[];
  /** The tool of each step; undefined for those that call none. */
  readonly tools: readonly (ToolSpec | undefined)[];
  /** The tool that undoes each step. */
  readonly undoTools: readonly (ToolSpec | undefined)[];
  /** The tools that may answer in the place of each step's own. */
  readonly alternatives: readonly (readonly ToolSpec[])[];
}

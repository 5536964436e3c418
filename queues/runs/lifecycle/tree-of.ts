import type { RunDefinition } from "../../definition.ts";
import type { Identity } from "../../jobs.ts";
import type { RunAddress } from "../../names.ts";
import type { RunKeys } from "../../tools/lane-keys.ts";
import type { TreeNode } from "../flows.ts";
import type { ParentStep } from "../record/run-record.ts";

/** The steps of an epoch of a resumed run. The others ended earlier. */
export interface ReopenedSteps {
  readonly steps: ReadonlySet<string>;
  /** `any` steps among them that need not wait. */
  readonly free: ReadonlySet<string>;
}

/** The run whose jobs are compiled. */
export interface TreeRequest {
  readonly address: RunAddress;
  readonly keys: RunKeys;
  readonly identity: Identity;
  /** BullMQ's priority of its steps. */
  readonly priority: number;
  readonly reopened?: ReopenedSteps;
  /** The job that waits for this run. */
  readonly parent?: ParentStep;
}

/** Compiles the jobs of a run. The compiler is passed in because it stands above this folder. */
export type TreeOf = (
  definition: RunDefinition,
  hash: string,
  request: TreeRequest,
) => readonly TreeNode[];

import { controlOperations } from "./control.ts";
import { deadLetterCommands, deadLetterOperations } from "./dead-letters.ts";
import { gateCommands, gateOperations } from "./gate.ts";
import type { Command, Operation } from "./operation.ts";
import { applyCommand, optimizerOperations } from "./optimizer.ts";
import { analyzeRun, getRun, listRuns, submitRun, watchRun } from "./runs.ts";
import { addSchedule, scheduleOperations } from "./schedules.ts";
import { serviceOperations } from "./service.ts";
import { toolOperations } from "./tools.ts";
import { eventOperations, triggerOperations } from "./triggers.ts";
import { whyCommand, whyOperations } from "./why.ts";
import { addWorkflow, workflowOperations } from "./workflows.ts";

/** Everything that can be done with a deployment. Routes and commands are made of this table. */
export const OPERATIONS: readonly Operation[] = [
  submitRun,
  listRuns,
  getRun,
  analyzeRun,
  watchRun,
  ...controlOperations,
  ...whyOperations,
  ...deadLetterOperations,
  addWorkflow,
  ...workflowOperations,
  addSchedule,
  ...scheduleOperations,
  ...triggerOperations,
  ...eventOperations,
  ...toolOperations,
  ...gateOperations,
  ...optimizerOperations,
  ...serviceOperations,
];

/** Commands that ask for one of several operations; those that ask for one alone stand with it. */
export const SHARED_COMMANDS: readonly Command[] = [
  whyCommand,
  ...deadLetterCommands,
  ...gateCommands,
  applyCommand,
];

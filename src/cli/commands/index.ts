import { controlOperations } from "../../operations/control.ts";
import { deadLetterCommands, deadLetterOperations } from "../../operations/dead-letters.ts";
import { gateCommands, gateOperations } from "../../operations/gate.ts";
import type { Command, Operation } from "../../operations/operation.ts";
import { applyCommand, optimizerOperations } from "../../operations/optimizer.ts";
import { analyzeRun, getRun, listRuns } from "../../operations/runs.ts";
import { scheduleOperations } from "../../operations/schedules.ts";
import { toolOperations } from "../../operations/tools.ts";
import { eventOperations, triggerOperations } from "../../operations/triggers.ts";
import { whyCommand } from "../../operations/why.ts";
import { workflowOperations } from "../../operations/workflows.ts";
import type { LocalCommand } from "../console/frame.ts";
import { graph } from "./documents/graph.ts";
import { importForm, importRecording } from "./documents/import.ts";
import { planWorkflow } from "./documents/plan.ts";
import { validate } from "./documents/validate.ts";
import { run } from "./runs/run.ts";
import { start } from "./runs/start.ts";
import { watch } from "./runs/watch.ts";
import { demo } from "./service/demo.ts";
import { checkMachine } from "./service/doctor.ts";
import { serve } from "./service/serve.ts";
import { worker } from "./service/worker.ts";
import { addSchedule } from "./starting/schedules.ts";
import { addWorkflows } from "./starting/workflows.ts";
import { callTool } from "./tools.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly (Command | LocalCommand)[] = [
  run,
  validate,
  planWorkflow,
  graph,
  start,
  ...of([listRuns, getRun, analyzeRun]),
  watch,
  ...of(controlOperations),
  whyCommand,
  ...of(deadLetterOperations),
  ...deadLetterCommands,
  addWorkflows,
  ...of(workflowOperations),
  addSchedule,
  ...of(scheduleOperations),
  ...of(triggerOperations),
  ...of(eventOperations),
  ...of(toolOperations),
  callTool,
  ...of(gateOperations),
  ...gateCommands,
  ...of(optimizerOperations),
  applyCommand,
  importRecording,
  importForm,
  serve,
  worker,
  checkMachine,
  demo,
];

/** The commands that ask for one of these operations alone. */
function of(operations: readonly Operation[]): Command[] {
  return operations.flatMap(({ command }) => command ?? []);
}

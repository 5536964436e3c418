import type { Command } from "commander";

import type { Cli } from "../common/cli.ts";
import { addGraph } from "./documents/graph.ts";
import { addImport } from "./documents/import.ts";
import { addPlan } from "./documents/plan.ts";
import { addValidate } from "./documents/validate.ts";
import { addGate } from "./gate/gate.ts";
import { addWhy } from "./gate/why.ts";
import { addOptimize } from "./optimizer/optimize.ts";
import { addDeadLetters } from "./runs/dead-letters.ts";
import { addRun } from "./runs/run.ts";
import { addRuns } from "./runs/runs.ts";
import { addStart } from "./runs/start.ts";
import { addDemo } from "./service/demo.ts";
import { addDoctor } from "./service/doctor.ts";
import { addServe } from "./service/serve.ts";
import { addWorker } from "./service/worker.ts";
import { addSchedules } from "./starting/schedules.ts";
import { addEvents, addTriggers } from "./starting/triggers.ts";
import { addWorkflows } from "./starting/workflows.ts";
import { addTools } from "./tools.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly ((program: Command, cli: Cli) => void)[] = [
  addRun,
  addValidate,
  addPlan,
  addGraph,
  addStart,
  addRuns,
  addWhy,
  addDeadLetters,
  addWorkflows,
  addSchedules,
  addTriggers,
  addEvents,
  addTools,
  addGate,
  addOptimize,
  addImport,
  addServe,
  addWorker,
  addDoctor,
  addDemo,
];

import type { ToolHandler } from "../bindings/binding.ts";
import { chartTools } from "./chart.ts";
import { coreTools } from "./core.ts";
import { dataTools } from "./data.ts";
import { reportTools } from "./report.ts";
import { statsTools } from "./stats.ts";
import { textTools } from "./text.ts";
import { timeTools } from "./time.ts";

/** The functions of the shipped `in_process` tools (config/catalogue/core.yaml), by tool id. */
export const builtInHandlers: Readonly<Record<string, ToolHandler>> = {
  ...coreTools,
  ...textTools,
  ...statsTools,
  ...dataTools,
  ...timeTools,
  ...reportTools,
  ...chartTools,
};

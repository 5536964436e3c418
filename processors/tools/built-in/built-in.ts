import type { ToolHandler } from "../calling/binding.ts";
import { chartTools } from "./chart.ts";
import { coreTools } from "./core.ts";
import { dataTools } from "./data.ts";
import { reportTools } from "./report.ts";
import { statsTools } from "./stats.ts";
import { textTools } from "./text.ts";
import { timeTools } from "./time.ts";
import { ToolFiles } from "./tool-files.ts";

/**
 * The functions of the shipped `in_process` tools (config/catalogue/core.yaml), by tool id.
 *
 * @param filesDir The folder in which they write files and look for them. Default: the working directory.
 */
export function builtInHandlers(
  filesDir: string = process.cwd(),
): Readonly<Record<string, ToolHandler>> {
  const files = new ToolFiles(filesDir);
  return {
    ...coreTools(files),
    ...textTools,
    ...statsTools,
    ...dataTools,
    ...timeTools,
    ...reportTools(files),
    ...chartTools(files),
  };
}

import type { ToolSpec } from "../../config/index.ts";

/** A tool as the API and the CLI show it: the contract, without the way it is reached. */
export type ToolView = Omit<ToolSpec, "binding"> & {
  /** Kind of binding; null when the tool cannot be called yet. */
  readonly binding: "in_process" | "command" | "http" | "mcp" | null;
};

/** Command lines, addresses and headers of a binding are the operator's business, so only its kind is shown. */
export function viewTool(tool: ToolSpec): ToolView {
  return { ...tool, binding: tool.binding?.type ?? null };
}

import type { Command } from "../../operations/operation.ts";
import type { LocalCommand } from "../console/frame.ts";

type Loaded = readonly (Command | LocalCommand)[];

/** Commands that ask for no Redis, by their words: each loads nothing of the others. */
const ALONE: Readonly<Record<string, () => Promise<Loaded>>> = {
  validate: async () => [(await import("./documents/validate.ts")).validate],
  plan: async () => [(await import("./documents/plan.ts")).planWorkflow],
  graph: async () => [(await import("./documents/graph.ts")).graph],
  "import wfcommons": async () => [(await import("./documents/import.ts")).importRecording],
  "import form": async () => [(await import("./documents/import.ts")).importForm],
  "tools list": tools,
  "tools describe": tools,
};

async function tools(): Promise<Loaded> {
  const { toolOperations } = await import("../../operations/tools.ts");
  return toolOperations.flatMap(({ command }) => command ?? []);
}

/** The command with these words, and perhaps others. Without words: every command. */
export async function loadCommands(words: string | null): Promise<Loaded> {
  const alone = words === null ? undefined : ALONE[words];
  return alone === undefined ? (await import("./index.ts")).COMMANDS : alone();
}

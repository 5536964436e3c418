import type { Command } from "../../operations/operation.ts";
import type { LocalCommand } from "../console/frame.ts";

type Loaded = readonly (Command | LocalCommand)[];

/** Commands that ask for no Redis, by their words, with those that they load. */
const ALONE: Readonly<Record<string, () => Promise<Loaded>>> = {
  validate: documents,
  plan: documents,
  graph: documents,
  "import wfcommons": documents,
  "import form": documents,
  "tools list": tools,
  "tools describe": tools,
};

async function documents(): Promise<Loaded> {
  return Object.values(await import("./documents/documents.ts"));
}

async function tools(): Promise<Loaded> {
  const { toolOperations } = await import("../../operations/tools.ts");
  return toolOperations.flatMap(({ command }) => command ?? []);
}

/** The command with these words, and perhaps others. Without words: every command. */
export async function loadCommands(words: string | null): Promise<Loaded> {
  const alone = words === null ? undefined : ALONE[words];
  return alone === undefined ? (await import("./index.ts")).COMMANDS : alone();
}

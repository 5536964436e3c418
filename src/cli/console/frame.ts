import { packages } from "../../../config/index.ts";
import type { Given, Terminal, Words } from "../../operations/command/words.ts";
import type { Command } from "../../operations/operation.ts";
import type { Cli, GlobalOptions } from "./cli.ts";
import { readEdits, readInput, readValue } from "./document.ts";
import { EXIT } from "./exit.ts";
import { openCatalogue, userName, withSession } from "./session.ts";

/** What a command takes that reads a workflow. */
export const DOCUMENT = "workflow document, YAML or JSON; - reads standard input";

/** A command that does more than to ask for an operation, or something else. */
export interface LocalCommand extends Pick<Command, "words" | "summary" | "help" | "given"> {
  /** Returns the exit code. */
  act(cli: Cli, given: unknown, flags: GlobalOptions): Promise<number> | number;
}

/** Declares one. */
export function localCommand<W extends Words>(
  declared: Omit<LocalCommand, "given" | "act"> & {
    readonly given: W;
    act(cli: Cli, given: Given<W>, flags: GlobalOptions): Promise<number> | number;
  },
): LocalCommand {
  return declared;
}

/** Does what a command is for; returns the exit code. */
export async function act(
  cli: Cli,
  command: Command | LocalCommand,
  given: unknown,
  flags: GlobalOptions,
): Promise<number> {
  return "act" in command ? command.act(cli, given, flags) : ask(cli, command, given, flags);
}

/** Asks for the operation that was meant, and prints its answer. */
async function ask(
  cli: Cli,
  command: Command,
  given: unknown,
  flags: GlobalOptions,
): Promise<number> {
  const { operation, input } = await command.call(given, terminalOf(cli));
  const { printed = {} } = operation;
  const print = (answer: unknown): number => {
    for (const note of printed.notes?.(answer, input) ?? []) cli.say(note);
    const data = printed.data === undefined ? answer : printed.data(answer, input);
    cli.print(
      flags.output,
      data,
      () => printed.text?.(answer, input) ?? packages.yaml().stringify(data),
    );
    return printed.hasFailed?.(answer) === true ? EXIT.failed : EXIT.completed;
  };
  if (operation.runOffline !== undefined) {
    const context = {
      get registry() {
        return openCatalogue(cli, flags).registry;
      },
    };
    return print(await operation.runOffline(context, input));
  }
  return withSession(cli, flags, async ({ tutti, registry, actor }) => {
    const openedAtMs = performance.now();
    const context = { tutti, registry, actor, openedAtMs, signal: cli.signal };
    return print(await operation.run(context, input));
  });
}

function terminalOf(cli: Cli): Terminal {
  return {
    actor: userName(),
    readInput: (given) => readInput(cli, given),
    readValue: (text) => readValue(cli, text),
    readEdits: (given) => readEdits(cli, given),
  };
}

import { Argument, type Command as Commander, InvalidArgumentError, Option } from "commander";

import { isTuttiError, packages } from "../../../config/index.ts";
import type { Given, Terminal, Word, Words } from "../../operations/command/words.ts";
import type { Command } from "../../operations/operation.ts";
import type { Cli, GlobalOptions } from "./cli.ts";
import { readEdits, readInput, readValue } from "./document.ts";
import { EXIT } from "./failure.ts";
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

/** Adds a command, below the command of its first word when it has two. */
export function addCommand(
  program: Commander,
  cli: Cli,
  command: Command | LocalCommand,
  groups: Readonly<Record<string, string>>,
): void {
  const [first = "", second] = command.words.split(" ");
  const made = second === undefined ? program.command(first) : groupOf(first).command(second);
  made.description(helpOf(command.summary));
  if (command.help !== undefined) made.addHelpText("after", `\n${command.help}`);
  for (const word of Object.values(command.given)) {
    if (word.form.startsWith("--")) made.addOption(optionOf(word));
    else made.addArgument(argumentOf(word));
  }
  made.action(async () => {
    const flags = made.optsWithGlobals<GlobalOptions>();
    const given = givenOf(command.given, made);
    cli.exitCode =
      "act" in command
        ? await command.act(cli, given, flags)
        : await ask(cli, command, given, flags);
  });

  function groupOf(word: string): Commander {
    const found = program.commands.find((one) => one.name() === word);
    return found ?? program.command(word).description(helpOf(groups[word] ?? ""));
  }
}

/** A sentence as a line of the help. */
function helpOf(sentence: string): string {
  return `${sentence.slice(0, 1).toLowerCase()}${sentence.slice(1)}`.replace(/\.$/, "");
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

function givenOf(words: Words, made: Commander): Record<string, unknown> {
  const options = made.opts<Record<string, unknown>>();
  const values: unknown[] = [...made.processedArgs];
  return Object.fromEntries(
    Object.entries(words).map(([name, word]) => [
      name,
      word.form.startsWith("--") ? options[optionOf(word).attributeName()] : values.shift(),
    ]),
  );
}

function optionOf({ form, summary, choices, parse, initial, ...rules }: Word<unknown>): Option {
  const option = new Option(form, summary);
  if (choices !== undefined) option.choices(choices);
  if (parse !== undefined) option.argParser(asParser(parse));
  if (rules.isMany === true)
    option.argParser((text, before: readonly string[]) => [...before, text]);
  if (initial !== undefined) option.default(initial);
  return option.makeOptionMandatory(rules.isNeeded === true);
}

function argumentOf({ form, summary, choices, parse }: Word<unknown>): Argument {
  const argument = new Argument(form, summary);
  if (choices !== undefined) argument.choices(choices);
  if (parse !== undefined) argument.argParser(asParser(parse));
  return argument;
}

/** Commander says which word it was. */
function asParser<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (thrown) {
      if (!isTuttiError(thrown)) throw thrown;
      throw new InvalidArgumentError(thrown.message);
    }
  };
}

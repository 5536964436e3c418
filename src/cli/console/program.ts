import { Argument, Command as Commander, InvalidArgumentError, Option } from "commander";

import type { Word, Words } from "../../operations/command/words.ts";
import type { CliIo, GlobalOptions } from "./cli.ts";
import { FORMATS } from "./formats.ts";

/** A command as a command line knows it: its words, and what its help says. */
export interface DeclaredCommand {
  /** `validate`, or `runs list`. */
  readonly words: string;
  readonly summary: string;
  readonly help?: string;
  readonly given: Words;
}

/** All commands, and what the help says of words that begin several. */
export interface Commands<C extends DeclaredCommand> {
  readonly version: string;
  readonly groups: Readonly<Record<string, string>>;
  readonly commands: readonly C[];
}

/** What a command line does with its words. */
interface Handling<C> {
  /** Does what a command is for. `given`: the values of its words. */
  act(command: C, given: Readonly<Record<string, unknown>>, flags: GlobalOptions): unknown;
  /** What the parser of a word says of a value that it refuses; null for any other error. */
  refusalOf(thrown: unknown): string | null;
}

/** The parser of a command line. It throws CommanderError for what it refuses, and when it has printed help or version. */
export function programFor<C extends DeclaredCommand>(
  { version, groups, commands }: Commands<C>,
  io: Pick<CliIo, "stdout" | "stderr">,
  handling: Handling<C>,
): Commander {
  const program = new Commander("tutti")
    .description("Durable workflows over many tools, on BullMQ and Redis.")
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getErrHelpWidth: () => io.stderr.columns ?? 80,
      getOutHelpWidth: () => io.stdout.columns ?? 80,
    })
    .configureHelp({ showGlobalOptions: true })
    .addOption(
      new Option("-o, --output <format>", "form of the data on stdout")
        .choices(FORMATS)
        .default("text"),
    )
    .option(
      "--catalogue <path>",
      "catalogue file with more tools; may be repeated",
      (path, before: readonly string[]) => [...before, path],
      [],
    );
  for (const command of commands) addCommand(program, command, groups, handling);
  return program;
}

/** Adds a command, below the command of its first word when it has two. */
function addCommand<C extends DeclaredCommand>(
  program: Commander,
  command: C,
  groups: Readonly<Record<string, string>>,
  handling: Handling<C>,
): void {
  const [first = "", second] = command.words.split(" ");
  const made = second === undefined ? program.command(first) : groupOf(first).command(second);
  made.description(helpOf(command.summary));
  if (command.help !== undefined) made.addHelpText("after", `\n${command.help}`);
  for (const word of Object.values(command.given)) {
    if (word.form.startsWith("--")) made.addOption(optionOf(word, handling));
    else made.addArgument(argumentOf(word, handling));
  }
  made.action(async () => {
    await handling.act(
      command,
      givenOf(command.given, made),
      made.optsWithGlobals<GlobalOptions>(),
    );
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

function givenOf(words: Words, made: Commander): Record<string, unknown> {
  const options = made.opts<Record<string, unknown>>();
  const values: unknown[] = [...made.processedArgs];
  return Object.fromEntries(
    Object.entries(words).map(([name, word]) => [
      name,
      word.form.startsWith("--") ? options[new Option(word.form).attributeName()] : values.shift(),
    ]),
  );
}

type Refusal = Pick<Handling<never>, "refusalOf">;

function optionOf(
  { form, summary, choices, parse, initial, ...rules }: Word<unknown>,
  refusal: Refusal,
): Option {
  const option = new Option(form, summary);
  if (choices !== undefined) option.choices(choices);
  if (parse !== undefined) option.argParser(asParser(parse, refusal));
  if (rules.isMany === true)
    option.argParser((text, before: readonly string[]) => [...before, text]);
  if (initial !== undefined) option.default(initial);
  return option.makeOptionMandatory(rules.isNeeded === true);
}

function argumentOf({ form, summary, choices, parse }: Word<unknown>, refusal: Refusal): Argument {
  const argument = new Argument(form, summary);
  if (choices !== undefined) argument.choices(choices);
  if (parse !== undefined) argument.argParser(asParser(parse, refusal));
  return argument;
}

/** Commander says which word it was. */
function asParser<T>(parse: (text: string) => T, { refusalOf }: Refusal): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (thrown) {
      const message = refusalOf(thrown);
      if (message === null) throw thrown;
      throw new InvalidArgumentError(message);
    }
  };
}

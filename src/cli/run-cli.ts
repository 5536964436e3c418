import { Command, Option } from "commander";

import { VERSION } from "../version.ts";
import { COMMANDS, GROUPS } from "./commands/index.ts";
import { Cli, type CliIo } from "./console/cli.ts";
import { exitCodeOf, failureLines } from "./console/failure.ts";
import { addCommand } from "./console/frame.ts";
import { FORMATS } from "./console/output.ts";

/**
 * Runs one command line and resolves with its exit code: 0 completed, 1 any other end, 2 wrong use,
 * invalid or not found, 3 Redis unreachable, 130 interrupted. Never rejects, leaves nothing running.
 *
 * @param argv the arguments after `tutti`.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const cli = new Cli(io);
  try {
    await programFor(cli).parseAsync(argv, { from: "user" });
    return cli.exitCode;
  } catch (thrown) {
    for (const line of failureLines(thrown)) cli.say(line);
    return exitCodeOf(thrown);
  }
}

function programFor(cli: Cli): Command {
  const program = new Command("tutti")
    .description("Durable workflows over many tools, on BullMQ and Redis.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.io.stdout.write(text),
      writeErr: (text) => cli.io.stderr.write(text),
      getErrHelpWidth: () => cli.io.stderr.columns ?? 80,
      getOutHelpWidth: () => cli.io.stdout.columns ?? 80,
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
  for (const command of COMMANDS) addCommand(program, cli, command, GROUPS);
  return program;
}

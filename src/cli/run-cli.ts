import { isTuttiError } from "../../config/index.ts";
import { VERSION } from "../version.ts";
import { GROUPS } from "./commands/groups.ts";
import { loadCommands } from "./commands/load.ts";
import { Cli, type CliIo } from "./console/cli.ts";
import { exitCodeOf, failureLines } from "./console/failure.ts";
import { act } from "./console/frame.ts";
import { programFor, type Commands, type DeclaredCommand } from "./console/program.ts";

/** Every command of this version. */
export const allCommands = async (): Promise<Commands<DeclaredCommand>> => ({
  version: VERSION,
  groups: GROUPS,
  commands: await loadCommands(null),
});

/**
 * Runs one command line and resolves with its exit code: 0 completed, 1 any other end, 2 wrong use,
 * invalid or not found, 3 Redis unreachable, 130 interrupted. Never rejects, leaves nothing running.
 *
 * @param argv the arguments after `tutti`.
 * @param words the command that they are for, if that is known: others need not be loaded then.
 */
export async function runCli(
  argv: readonly string[],
  io: CliIo,
  words: string | null = null,
): Promise<number> {
  const cli = new Cli(io);
  try {
    const commands = await loadCommands(words);
    const program = programFor({ version: VERSION, groups: GROUPS, commands }, io, {
      async act(command, given, flags) {
        cli.exitCode = await act(cli, command, given, flags);
      },
      refusalOf: (thrown) => (isTuttiError(thrown) ? thrown.message : null),
    });
    await program.parseAsync(argv, { from: "user" });
    return cli.exitCode;
  } catch (thrown) {
    for (const line of failureLines(thrown)) cli.say(line);
    return exitCodeOf(thrown);
  }
}

import { existsSync, readFileSync } from "node:fs";

import { CommanderError } from "commander";

import type { CliIo } from "./console/cli.ts";
import { programFor, type Commands, type DeclaredCommand } from "./console/program.ts";

/** What a build keeps of all commands: enough for help, for the version, and to tell which command is meant. */
export type Outline = Commands<DeclaredCommand>;

/** The outline of commands. As JSON it has no parsers of words; no help shows them. */
export function outlineOf({ version, groups, commands }: Outline): Outline {
  return {
    version,
    groups,
    commands: commands.map(({ words, summary, help, given }) => ({
      words,
      summary,
      ...(help === undefined ? {} : { help }),
      given,
    })),
  };
}

/** The outline that scripts/build.mjs has written into a file; null without it, as in source. */
export function readOutline(file: URL): Outline | null {
  if (!existsSync(file)) return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by our build alone
  return JSON.parse(readFileSync(file, "utf8")) as Outline;
}

/**
 * Prints the help or the version, if that is what a command line asks for, and says which command it is for. It prints
 * nothing else: the whole program refuses what it refuses in its own words.
 */
export async function ask(
  outline: Outline,
  argv: readonly string[],
  io: CliIo,
): Promise<{ readonly isAnswered: boolean; readonly words: string | null }> {
  let words: string | null = null;
  const silent = { stdout: io.stdout, stderr: { write: () => true } };
  const program = programFor(outline, silent, {
    act: (command) => {
      ({ words } = command);
    },
    refusalOf: () => null,
  });
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return { isAnswered: true, words };
  }
  return { isAnswered: false, words };
}

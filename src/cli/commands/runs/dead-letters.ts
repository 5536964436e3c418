import { type Command, InvalidArgumentError } from "commander";
import { stringify } from "yaml";

import type { Replayed } from "../../../runs/dead-letters/letters.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { EXIT, wrongUse } from "../../common/failure.ts";
import { wholeNumber } from "../../common/options.ts";
import { table } from "../../common/output.ts";
import { withSession } from "../../common/session.ts";

export function addDeadLetters(program: Command, cli: Cli): void {
  const letters = program
    .command("dead-letters")
    .description("steps that failed after their last attempt");
  addList(letters, cli);
  addGroups(letters, cli);
  addShow(letters, cli);
  addReplay(letters, cli);
  addDiscard(letters, cli);
}

interface ListFlags extends GlobalOptions {
  readonly limit: number;
  readonly offset: number;
  readonly tenant?: string;
}

function addList(letters: Command, cli: Cli): void {
  letters
    .command("list")
    .description("list them, newest first")
    .option("--limit <count>", "how many to show", wholeNumber, 20)
    .option("--offset <count>", "how many to leave out", countOrNone, 0)
    .option("--tenant <name>", "only those of this tenant")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<ListFlags>();
        return withSession(cli, flags, async ({ tutti }) => {
          const { limit, offset } = flags;
          const page = await tutti.deadLetters.list({ limit, offset, ...tenantOf(flags) });
          cli.print(flags.output, page, () => {
            const rows = page.letters.map((one) => [
              one.runId,
              one.step,
              one.workflowId,
              one.failedAt,
              String(one.attempts),
              one.error === null ? "" : `${one.error.code}: ${one.error.message}`,
            ]);
            const head = ["RUN", "STEP", "WORKFLOW", "FAILED", "ATTEMPTS", "WHY"];
            return `${table(head, rows)}\n${rows.length} of ${page.total}`;
          });
          return EXIT.completed;
        });
      }),
    );
}

function addGroups(letters: Command, cli: Cli): void {
  letters
    .command("groups")
    .description("what is alike among the newest thousand of them, the largest group first")
    .option("--tenant <name>", "only those of this tenant")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<GlobalOptions & { readonly tenant?: string }>();
        return withSession(cli, flags, async ({ tutti }) => {
          const groups = await tutti.deadLetters.groups(tenantOf(flags));
          cli.print(flags.output, groups, () => {
            const rows = groups.map(({ count, runs, tool, lastAt, code, message, example }) => [
              String(count),
              String(runs),
              tool,
              lastAt,
              `${example.runId} ${example.step}`,
              `${code}: ${message}`,
            ]);
            return table(["COUNT", "RUNS", "TOOL", "LAST", "EXAMPLE", "WHY"], rows);
          });
          return EXIT.completed;
        });
      }),
    );
}

function addShow(letters: Command, cli: Cli): void {
  letters
    .command("show")
    .argument("<run-id>")
    .argument("<step>", "its id; <id>[i] for an item of a forEach")
    .description("show one with its input")
    .action(
      cli.action((command, runId, step) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const found = await tutti.deadLetters.show(runId, step);
          cli.print(flags.output, found, () => stringify(found));
          return EXIT.completed;
        });
      }),
    );
}

interface ManyFlags extends GlobalOptions {
  readonly all?: true;
  readonly tenant?: string;
}

function addReplay(letters: Command, cli: Cli): void {
  withMany(letters, "replay")
    .description("do one again with all that depends on it, or all of them; each run once")
    .addHelpText("after", "\nExit code 1 when some are refused, because their run is still open.")
    .action(
      cli.action((command, ...given) => {
        const flags = command.optsWithGlobals<ManyFlags>();
        const one = oneOrAll(given, flags);
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const replayed =
            one === null
              ? await tutti.deadLetters.replayAll({ actor, ...tenantOf(flags) })
              : [await tutti.deadLetters.replay(...one, { actor })];
          cli.print(flags.output, replayed, () => replayed.map(replayedText).join("\n"));
          const refused = replayed.some((run) => run.refused !== undefined);
          return refused ? EXIT.failed : EXIT.completed;
        });
      }),
    );
}

function addDiscard(letters: Command, cli: Cli): void {
  withMany(letters, "discard")
    .description("forget one, or all of them; their runs stay as they are")
    .action(
      cli.action((command, ...given) => {
        const flags = command.optsWithGlobals<ManyFlags>();
        const one = oneOrAll(given, flags);
        return withSession(cli, flags, async ({ tutti }) => {
          let discarded = 1;
          if (one === null) ({ discarded } = await tutti.deadLetters.discardAll(tenantOf(flags)));
          else await tutti.deadLetters.discard(...one);
          cli.print(flags.output, { discarded }, () => `${discarded} discarded`);
          return EXIT.completed;
        });
      }),
    );
}

function withMany(letters: Command, name: string): Command {
  return letters
    .command(name)
    .argument("[run-id]")
    .argument("[step]", "its id; <id>[i] for an item of a forEach")
    .option("--all", "all that are there now, instead of one")
    .option("--tenant <name>", "with --all: only those of this tenant");
}

/** What the command is about; null when it is all of them. */
function oneOrAll(given: readonly string[], flags: ManyFlags): [string, string] | null {
  const [runId, step] = given;
  if (flags.all === true && runId === undefined) return null;
  if (flags.all === true) throw wrongUse("expected a run and a step, or --all, got: both");
  if (runId === undefined || step === undefined)
    throw wrongUse("expected a run and a step, or --all");
  if (flags.tenant !== undefined) throw wrongUse("expected --tenant only beside --all");
  return [runId, step];
}

const tenantOf = ({ tenant }: { readonly tenant?: string }): { tenant?: string } =>
  tenant === undefined ? {} : { tenant };

function countOrNone(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("expected a whole number.");
  return Number(text);
}

function replayedText({ runId, letters, steps, refused }: Replayed): string {
  return refused === undefined
    ? `${runId} again: ${steps.join(", ")}`
    : `${runId} refused: ${letters.join(", ")}: ${refused.message}`;
}

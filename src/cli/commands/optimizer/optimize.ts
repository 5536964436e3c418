import type { Command } from "commander";

import type { Cli, GlobalOptions } from "../../cli.ts";
import { EXIT } from "../../failure.ts";
import { wholeNumber } from "../../options.ts";
import { withSession } from "../../session.ts";
import { historyText, reportText } from "./report-text.ts";

export function addOptimize(program: Command, cli: Cli): void {
  const optimize = program
    .command("optimize")
    .description("look at what the scheduled optimizer sees and changes, and take it back");
  optimize
    .command("report")
    .description("show metrics, health, bottlenecks and alerts, as the last pass saw them")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const report = await tutti.optimizer.report();
          cli.print(flags.output, report, () => reportText(report));
          return EXIT.completed;
        });
      }),
    );
  addHistory(optimize, cli);
  addRollback(optimize, cli);
}

function addHistory(optimize: Command, cli: Cli): void {
  optimize
    .command("history")
    .option("--limit <count>", "entries at most", wholeNumber, 20)
    .description("show what was changed, by whom and why, and what it did, the newest first")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<GlobalOptions & { readonly limit: number }>();
        return withSession(cli, flags, async ({ tutti }) => {
          const entries = await tutti.optimizer.history({ limit: flags.limit });
          cli.print(flags.output, entries, () => historyText(entries));
          return EXIT.completed;
        });
      }),
    );
}

function addRollback(optimize: Command, cli: Cli): void {
  optimize
    .command("rollback")
    .argument("<id>", "of an adjustment, as the history tells it", wholeNumber)
    .description("take an adjustment back; its tool is then left alone for half an hour")
    .action(
      cli.action((command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const adjustment = await tutti.optimizer.rollback({ id: Number(id), by: actor });
          const { tool, from, what } = adjustment;
          cli.print(flags.output, adjustment, () => `${tool} has ${what} ${from} again`);
          return EXIT.completed;
        });
      }),
    );
}

import type { Command } from "commander";

import type { Cli, GlobalOptions } from "../../cli.ts";
import { EXIT } from "../../failure.ts";
import { withSession } from "../../session.ts";
import { reportText } from "./report-text.ts";

export function addOptimize(program: Command, cli: Cli): void {
  const optimize = program
    .command("optimize")
    .description("look at what the scheduled optimizer sees");
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
}

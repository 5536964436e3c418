import type { Command } from "commander";

import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { EXIT } from "../../common/failure.ts";
import { collect, wholeNumber } from "../../common/options.ts";
import { withSession } from "../../common/session.ts";
import { addApply, addPlan } from "./plan.ts";
import { historyText, reportText } from "./report-text.ts";
import { changeOf, simulationText } from "./simulation-text.ts";

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
  addSimulate(optimize, cli);
  addPlan(optimize, cli);
  addApply(optimize, cli);
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
    .option("--dry-run", "only say what would be taken back")
    .description("take an adjustment back; its tool is then left alone for half an hour")
    .action(
      cli.action((command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions & { readonly dryRun?: boolean }>();
        const { dryRun = false } = flags;
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const adjustment = await tutti.optimizer.rollback({ id: Number(id), by: actor, dryRun });
          const { tool, from, what } = adjustment;
          const had = what === "cap" && from === null ? "no cap" : `${what} ${from}`;
          const text = `${tool} ${dryRun ? "would have" : "has"} ${had} again`;
          cli.print(flags.output, adjustment, () => text);
          return EXIT.completed;
        });
      }),
    );
}

interface SimulateFlags extends GlobalOptions {
  readonly set: readonly string[];
  readonly plays: number;
}

function addSimulate(optimize: Command, cli: Cli): void {
  optimize
    .command("simulate")
    .option(
      "--set <what=value>",
      "tool.concurrency=4, tool.rate=100/1m or machines=3; may be repeated",
      collect,
      [],
    )
    .option(
      "--plays <count>",
      "how often the load is played, each time by another chance",
      wholeNumber,
      20,
    )
    .description("say what other limits would have done to the load of the last minutes")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<SimulateFlags>();
        const change = changeOf(flags.set);
        return withSession(cli, flags, async ({ tutti }) => {
          const simulation = await tutti.optimizer.simulate({ ...change, plays: flags.plays });
          cli.print(flags.output, simulation, () => simulationText(simulation));
          return EXIT.completed;
        });
      }),
    );
}

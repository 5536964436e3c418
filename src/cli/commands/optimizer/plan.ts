import { Option, type Command } from "commander";

import { STRATEGY_NAMES, TARGETS, type Strategy, type Target } from "../../../../config/index.ts";
import type { Action } from "../../../optimizer/planning/plan.ts";
import type { Applied } from "../../../optimizer/service/following.ts";
import type { LoadFared, Plans } from "../../../optimizer/service/planning.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { EXIT } from "../../common/failure.ts";
import { wholeNumber } from "../../common/options.ts";
import { duration, table } from "../../common/output.ts";
import { withSession } from "../../common/session.ts";

interface PlanFlags extends GlobalOptions {
  readonly target?: Target;
  readonly strategy?: Strategy;
  readonly plays: number;
}

export function addPlan(optimize: Command, cli: Cli): void {
  optimize
    .command("plan")
    .addOption(
      new Option("--target <target>", "what it aims at; without it all of them").choices(TARGETS),
    )
    .addOption(strategyOption())
    .option("--plays <count>", "how often the load is played", wholeNumber, 5)
    .description(
      "say what should be changed for a target, and what that would have done to the load of the last minutes",
    )
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<PlanFlags>();
        const { target, strategy = null, plays } = flags;
        return withSession(cli, flags, async ({ tutti }) => {
          const plans = await tutti.optimizer.plans({
            ...(target === undefined ? {} : { targets: [target] }),
            strategies: [strategy],
            plays,
          });
          cli.print(flags.output, plans, () => plansText(plans));
          return EXIT.completed;
        });
      }),
    );
}

interface ApplyFlags extends GlobalOptions {
  readonly target: Target;
  readonly strategy?: Strategy;
  readonly plays: number;
  readonly dryRun?: boolean;
}

export function addApply(optimize: Command, cli: Cli): void {
  optimize
    .command("apply")
    .addOption(
      new Option("--target <target>", "what it aims at").choices(TARGETS).makeOptionMandatory(),
    )
    .addOption(strategyOption())
    .option("--plays <count>", "how often the load is played", wholeNumber, 5)
    .option("--dry-run", "only show the plan")
    .description(
      "make a plan and follow it: its changes are made one after another, measured, and taken back where they do harm",
    )
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<ApplyFlags>();
        const { target, strategy = null, plays, dryRun = false } = flags;
        return withSession(cli, flags, async ({ tutti, actor }) => {
          if (dryRun) {
            const orders = { targets: [target], strategies: [strategy], plays };
            const plans = await tutti.optimizer.plans(orders);
            cli.print(flags.output, plans, () => plansText(plans));
          } else {
            const applied = await tutti.optimizer.apply({ target, strategy, plays, by: actor });
            cli.print(flags.output, applied, () => appliedText(applied));
          }
          return EXIT.completed;
        });
      }),
    );
}

const strategyOption = (): Option =>
  new Option("--strategy <strategy>", "how daringly machines are filled; as they are").choices(
    STRATEGY_NAMES,
  );

function appliedText(applied: Applied): string {
  const { asked, left } = applied;
  return [
    plansText(applied),
    asked.length === 0
      ? "there is nothing for the optimizer to change"
      : `the optimizer makes these changes, one after another: ${asked.map(actionText).join(", ")}`,
    ...(left.length === 0 ? [] : [`left to you: ${left.map(actionText).join(", ")}`]),
  ].join("\n");
}

/** Plans, for people: what each would change, and what that does. */
function plansText({ recordedMs, plays, before, plans }: Plans): string {
  const rows = plans.map(({ target, actions, after }) => [
    target,
    ...faredCells(after),
    actions.length === 0 ? "nothing" : actions.map(actionText).join(", "),
  ]);
  return [
    `the load of the last ${duration(recordedMs)}, played ${plays} times`,
    table(
      ["TARGET", "CALLS THAT END", "MEAN WAIT", "LEFT WAITING", "MACHINES", "CHANGES"],
      [["as it is", ...faredCells(before), ""], ...rows],
    ),
    ...plans.flatMap(({ target, actions }) =>
      actions.map((action) => `${target}: ${actionText(action)}, as ${action.why}`),
    ),
  ].join("\n");
}

const faredCells = ({ ended, waitMs, waiting, machines }: LoadFared): string[] => [
  String(ended),
  waitMs === null ? "none began" : duration(waitMs),
  String(waiting),
  String(machines),
];

export function actionText(action: Action): string {
  const name = action.what === "machines" ? "machines" : `${action.tool}.concurrency`;
  return `${name} ${action.from ?? "none"} -> ${action.to}`;
}

import { Option, type Command } from "commander";

import { STRATEGY_NAMES, type Strategy } from "../../../../config/index.ts";
import { TARGETS, type Target } from "../../../optimizer/planning/goals.ts";
import type { Action } from "../../../optimizer/planning/plan.ts";
import type { LoadFared, Plan } from "../../../optimizing/planning.ts";
import type { Cli, GlobalOptions } from "../../cli.ts";
import { EXIT } from "../../failure.ts";
import { wholeNumber } from "../../options.ts";
import { duration, table } from "../../output.ts";
import { withSession } from "../../session.ts";

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
    .addOption(
      new Option("--strategy <strategy>", "how daringly machines are filled; as they are").choices(
        STRATEGY_NAMES,
      ),
    )
    .option("--plays <count>", "how often the load is played", wholeNumber, 5)
    .description(
      "say what should be changed for a target, and what that would have done to the load of the last minutes",
    )
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<PlanFlags>();
        const { target, strategy = null, plays } = flags;
        return withSession(cli, flags, async ({ tutti }) => {
          const plans: Plan[] = [];
          for (const one of target === undefined ? TARGETS : [target])
            plans.push(await tutti.optimizer.plan({ target: one, strategy, plays }));
          cli.print(flags.output, plans, () => plansText(plans));
          return EXIT.completed;
        });
      }),
    );
}

/** Plans, for people: what each would change, and what that does. */
function plansText(plans: readonly Plan[]): string {
  const [first] = plans;
  if (first === undefined) return "";
  const rows = plans.map(({ target, actions, after }) => [
    target,
    ...faredCells(after),
    actions.length === 0 ? "nothing" : actions.map(actionText).join(", "),
  ]);
  const head = `the load of the last ${duration(first.recordedMs)}, played ${first.plays} times`;
  return [
    head,
    table(
      ["TARGET", "CALLS THAT END", "MEAN WAIT", "LEFT WAITING", "MACHINES", "CHANGES"],
      [["as it is", ...faredCells(first.before), ""], ...rows],
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

function actionText(action: Action): string {
  const name = action.what === "machines" ? "machines" : `${action.tool}.concurrency`;
  return `${name} ${action.from ?? "none"} -> ${action.to}`;
}

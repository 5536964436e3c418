import { type Command, Option } from "commander";

import { IMPORTANCES } from "../../../../config/index.ts";
import type { GateSetting } from "../../../gate/limits/door.ts";
import type { GateTarget } from "../../../gate/limits/set.ts";
import type { BudgetView, ToolLimitsView } from "../../../gate/limits/show.ts";
import type { OptimizerDoor } from "../../../optimizer/service/door.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { EXIT, wrongUse } from "../../common/failure.ts";
import { collect, windowOf } from "../../common/options.ts";
import { withSession } from "../../common/session.ts";
import { simulationText } from "../optimizer/simulation-text.ts";
import { budgetText, gateText, toolText } from "./gate-text.ts";
import { addLevel } from "./level.ts";

export function addGate(program: Command, cli: Cli): void {
  const gate = program
    .command("gate")
    .description("look at what decides which calls start, and change its limits");
  addShow(gate, cli);
  addSet(gate, cli);
  addReset(gate, cli);
  addLevel(gate, cli);
}

function addShow(gate: Command, cli: Cli): void {
  gate
    .command("show")
    .description("show machines, permits, who stands in line and why, limits, budgets, troubles")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const view = await tutti.gate.show();
          cli.print(flags.output, view, () => gateText(view));
          return EXIT.completed;
        });
      }),
    );
}

interface SetFlags extends GlobalOptions {
  readonly budget?: string;
  readonly concurrency?: string;
  readonly slots?: string;
  readonly rate: readonly string[];
  readonly cost?: string;
  readonly resource: readonly string[];
  readonly importance?: (typeof IMPORTANCES)[number];
  readonly dryRun?: boolean;
}

function addSet(gate: Command, cli: Cli): void {
  gate
    .command("set")
    .argument("[tool]")
    .option("--budget <name>", "a budget of the catalogues, instead of a tool")
    .option("--concurrency <calls>", "of a tool: calls at once, over all workers")
    .option("--slots <count>", "of a budget: slots in all")
    .option(
      "--rate <max/time>",
      "units in any window, as 3/1s or 100/1m; may be repeated",
      collect,
      [],
    )
    .option("--cost <units>", "of a tool: units of its own rates that a call costs")
    .option(
      "--resource <name=share>",
      "of a tool: share of one machine; may be repeated",
      collect,
      [],
    )
    .addOption(
      new Option("--importance <word>", "of a tool: what it is worth").choices(IMPORTANCES),
    )
    .option(
      "--dry-run",
      "of --concurrency and --rate: only say what they would have done to the load of the last minutes",
    )
    .description("change limits at once, for calls that wait too; what is left out stays")
    .addHelpText(
      "after",
      "\nThey stand over what the catalogues declare, also through restarts, until: tutti gate reset",
    )
    .action(
      cli.action((command, tool) => {
        const flags = command.optsWithGlobals<SetFlags>();
        const setting = settingOf(targetOf(tool, flags.budget), flags);
        const change = flags.dryRun === true ? trialOf(setting) : null;
        return withSession(cli, flags, async ({ tutti }) => {
          if (change !== null) {
            const simulation = await tutti.optimizer.simulate(change);
            cli.print(flags.output, simulation, () => simulationText(simulation));
            return EXIT.completed;
          }
          const view = await tutti.gate.set(setting);
          cli.print(flags.output, view, () => viewText(view));
          return EXIT.completed;
        });
      }),
    );
}

function addReset(gate: Command, cli: Cli): void {
  gate
    .command("reset")
    .argument("[tool]")
    .option("--budget <name>", "a budget of the catalogues, instead of a tool")
    .description("go back to what the catalogues declare")
    .action(
      cli.action((command, tool) => {
        const flags = command.optsWithGlobals<GlobalOptions & { readonly budget?: string }>();
        const target = targetOf(tool, flags.budget);
        return withSession(cli, flags, async ({ tutti }) => {
          const view = await tutti.gate.reset(target);
          cli.print(flags.output, view, () => viewText(view));
          return EXIT.completed;
        });
      }),
    );
}

function targetOf(tool: string | undefined, budget: string | undefined): GateTarget {
  if (tool !== undefined && budget === undefined) return { tool };
  if (tool === undefined && budget !== undefined) return { budget };
  throw wrongUse(
    `expected either a tool or --budget, got: ${tool === undefined ? "neither" : "both"}`,
  );
}

/** What is wrong with the numbers is told with everything else, where they are checked. */
function settingOf(target: GateTarget, flags: SetFlags): GateSetting {
  const { concurrency, slots, cost, importance, rate, resource } = flags;
  return {
    ...target,
    ...(concurrency === undefined ? {} : { concurrency: Number(concurrency) }),
    ...(slots === undefined ? {} : { slots: Number(slots) }),
    ...(rate.length === 0 ? {} : { rates: rate.map(windowOf) }),
    ...(cost === undefined ? {} : { cost: Number(cost) }),
    ...(resource.length === 0 ? {} : { resources: Object.fromEntries(resource.map(shareOf)) }),
    ...(importance === undefined ? {} : { importance }),
  };
}

/** What the model of the gate can tell of a setting. */
function trialOf(setting: GateSetting): Parameters<OptimizerDoor["simulate"]>[0] {
  const { concurrency, rates, ...rest } = "tool" in setting ? setting : { budget: "" };
  if (!("tool" in rest) || Object.keys(rest).length > 1 || (concurrency ?? rates) === undefined)
    throw wrongUse("expected --dry-run with --concurrency or --rate of a tool, and nothing else");
  const { tool } = rest;
  return { tools: { [tool]: { concurrency, rates: rates?.map((rate) => ({ ...rate })) } } };
}

function shareOf(text: string): [string, number] {
  const at = text.indexOf("=");
  if (at < 1) throw wrongUse(`expected a resource as cpu=0.3, got: ${text}`);
  return [text.slice(0, at), Number(text.slice(at + 1))];
}

function viewText(view: ToolLimitsView | BudgetView): string {
  return "tool" in view ? toolText(view) : budgetText(view);
}

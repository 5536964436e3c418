import { Argument, type Command } from "commander";

import { LEVELS, type LevelView } from "../../../../queues/client.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { EXIT, wrongUse } from "../../common/failure.ts";
import { timeOf } from "../../common/options.ts";
import { withSession } from "../../common/session.ts";

interface LevelFlags extends GlobalOptions {
  readonly reason?: string;
  readonly for?: string;
}

export function addLevel(gate: Command, cli: Cli): void {
  gate
    .command("level")
    .addArgument(new Argument("[level]").choices([...LEVELS, "auto"]))
    .option("--reason <text>", "why; it stands in the history")
    .option("--for <time>", "for how long, as 30m; then what fails decides again")
    .description("show at which level the deployment works, or fix it; auto: what fails decides")
    .action(
      cli.action((command, level) => {
        const flags = command.optsWithGlobals<LevelFlags>();
        const forMs = flags.for === undefined ? undefined : timeFrom(flags.for);
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const view =
            level === undefined
              ? await tutti.gate.level()
              : await tutti.gate.setLevel({
                  level: wordOf(level),
                  by: actor,
                  ...(flags.reason === undefined ? {} : { reason: flags.reason }),
                  ...(forMs === undefined ? {} : { forMs }),
                });
          cli.print(flags.output, view, () => levelText(view));
          return EXIT.completed;
        });
      }),
    );
}

function wordOf(text: string): (typeof LEVELS)[number] | "auto" {
  return LEVELS.find((level) => level === text) ?? "auto";
}

function timeFrom(text: string): number {
  const ms = timeOf(text);
  if (ms === undefined) throw wrongUse(`expected a time as 30m, got: ${text}`);
  return ms;
}

function levelText({ level, fixed, changes }: LevelView): string {
  const until = fixed?.until == null ? "" : ` until ${fixed.until}`;
  const head = fixed === undefined ? level : `${level}, fixed by ${fixed.by}${until}`;
  const lines = changes.map(
    ({ at, from, to, by, reason }) => `${at}  ${from} -> ${to}  ${by}: ${reason}`,
  );
  return [head, ...lines].join("\n");
}

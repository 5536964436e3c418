import { type Command, Option } from "commander";
import { stringify } from "yaml";

import { CATCH_UPS, OVERLAPS, type CatchUp, type Overlap } from "../../../../queues/client.ts";
import { plannedTimes } from "../../../starting/planned-times.ts";
import type { FiringView, ScheduleSummary } from "../../../starting/schedules.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { type InputFlags, readInput } from "../../common/document.ts";
import { EXIT } from "../../common/failure.ts";
import { collect, versionOf, wholeNumber } from "../../common/options.ts";
import { table } from "../../common/output.ts";
import { withSession } from "../../common/session.ts";

export function addSchedules(program: Command, cli: Cli): void {
  const schedules = program
    .command("schedules")
    .description("start registered workflows at planned times; needs a worker that is alive");
  addAdd(schedules, cli);
  addList(schedules, cli);
  addShow(schedules, cli);
  addPause(schedules, cli, "pause", "fire nothing until it is resumed");
  addPause(schedules, cli, "resume", "fire again; what was planned meanwhile is not made up for");
  addRunNow(schedules, cli);
  addRemove(schedules, cli);
  addNext(schedules, cli);
}

interface AddFlags extends GlobalOptions, InputFlags {
  readonly workflow: string;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly everyMs?: number;
  readonly overlap?: Overlap;
  readonly catchUp?: CatchUp;
  readonly catchUpWindowMs?: number;
  readonly tenant?: string;
}

function addAdd(schedules: Command, cli: Cli): void {
  schedules
    .command("add")
    .argument("<id>", "the same id again replaces the schedule")
    .description("start a workflow by a cron expression or every so many milliseconds")
    .requiredOption("--workflow <id>", "registered workflow; id@hash for one version of it")
    .option(
      "--cron <expression>",
      "five fields, or six with seconds first; or @hourly, @daily, ...",
    )
    .option("--time-zone <name>", "zone that --cron is read in; default: UTC")
    .option("--every-ms <ms>", "interval instead of --cron, at least 100", wholeNumber)
    .option("--input <key=value|@file>", "input of the runs; may be repeated", collect, [])
    .option("--input-json <json>", "input of the runs as JSON")
    .addOption(
      new Option("--overlap <rule>", "while the run before is open; default: skip").choices(
        OVERLAPS,
      ),
    )
    .addOption(
      new Option("--catch-up <rule>", "for missed firings; default: one").choices(CATCH_UPS),
    )
    .option("--catch-up-window-ms <ms>", "older ones are dropped; default: a day", wholeNumber)
    .option("--tenant <name>", "whom the runs belong to")
    .action(
      cli.action(async (command, id) => {
        const flags = command.optsWithGlobals<AddFlags>();
        const input = await readInput(cli, flags);
        const { id: workflowId, ...version } = versionOf(flags.workflow);
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const form = { id, workflowId, ...version, ...optionsOf(flags), input, actor };
          const added = await tutti.schedules.add(form);
          const { nextAt } = await tutti.schedules.show(id);
          const next = nextAt === null ? "is paused" : `fires next at ${nextAt}`;
          cli.print(flags.output, { ...added, nextAt }, () => `${id} ${next}`);
          return EXIT.completed;
        });
      }),
    );
}

/** The options that are given as they are called in the form. */
function optionsOf(flags: AddFlags) {
  const { cron, timeZone, everyMs, overlap, catchUp, catchUpWindowMs, tenant } = flags;
  return {
    ...(cron === undefined ? {} : { cron }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(everyMs === undefined ? {} : { everyMs }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(catchUp === undefined ? {} : { catchUp }),
    ...(catchUpWindowMs === undefined ? {} : { catchUpWindowMs }),
    ...(tenant === undefined ? {} : { tenant }),
  };
}

function addList(schedules: Command, cli: Cli): void {
  schedules
    .command("list")
    .description("list schedules")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const found = await tutti.schedules.list();
          cli.print(flags.output, found, () =>
            table(
              ["SCHEDULE", "WORKFLOW", "WHEN", "NEXT", "STARTED", "SKIPPED", "FAILED", "DROPPED"],
              found.map((one) => [
                one.id,
                one.workflowId,
                whenText(one),
                one.paused ? "paused" : (one.nextAt ?? "never"),
                ...[one.counts.started, one.counts.skipped, one.counts.failed].map(String),
                String(one.counts.dropped),
              ]),
            ),
          );
          return EXIT.completed;
        });
      }),
    );
}

function addShow(schedules: Command, cli: Cli): void {
  schedules
    .command("show")
    .argument("<id>")
    .description("show a schedule and its last firings")
    .action(
      cli.action((command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const found = await tutti.schedules.show(id);
          cli.print(flags.output, found, () => stringify(found));
          return EXIT.completed;
        });
      }),
    );
}

function addPause(
  schedules: Command,
  cli: Cli,
  name: "pause" | "resume",
  description: string,
): void {
  schedules
    .command(name)
    .argument("<id>")
    .description(description)
    .action(
      cli.action((command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          await tutti.schedules[name](id);
          const paused = name === "pause";
          cli.print(flags.output, { id, paused }, () => `${id} ${paused ? "paused" : "resumed"}`);
          return EXIT.completed;
        });
      }),
    );
}

function addRunNow(schedules: Command, cli: Cli): void {
  schedules
    .command("run")
    .argument("<id>")
    .description("fire now, also while it is paused; exit code 1 when that starts no run")
    .action(
      cli.action((command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const firing = await tutti.schedules.run(id);
          cli.print(flags.output, firing, () => firingText(firing));
          return firing.outcome === "started" ? EXIT.completed : EXIT.failed;
        });
      }),
    );
}

function addRemove(schedules: Command, cli: Cli): void {
  schedules
    .command("remove")
    .argument("<id>")
    .description("remove a schedule; its runs go on")
    .action(
      cli.action((command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          await tutti.schedules.remove(id);
          cli.print(flags.output, { id, removed: true }, () => `${id} removed`);
          return EXIT.completed;
        });
      }),
    );
}

interface NextFlags extends GlobalOptions {
  readonly cron: string;
  readonly zone?: string;
  readonly from?: string;
  readonly count?: number;
}

function addNext(schedules: Command, cli: Cli): void {
  schedules
    .command("next")
    .description("tell when a cron expression fires; needs no Redis")
    .requiredOption(
      "--cron <expression>",
      "five fields, or six with seconds first; or @hourly, @daily, ...",
    )
    .option("--zone <name>", "zone that --cron is read in; default: UTC")
    .option("--from <time>", "firings after this time, as ISO 8601; default: now")
    .option("--count <number>", "how many, up to 1,000; default: 10", wholeNumber)
    .action(
      cli.action((command) => {
        const { output, cron, zone, from, count } = command.optsWithGlobals<NextFlags>();
        const times = plannedTimes({
          cron,
          ...(zone === undefined ? {} : { timeZone: zone }),
          ...(from === undefined ? {} : { from }),
          ...(count === undefined ? {} : { count }),
        });
        cli.print(output, times, () => times.join("\n"));
        return Promise.resolve(EXIT.completed);
      }),
    );
}

function whenText({ cron, timeZone, everyMs }: ScheduleSummary): string {
  return cron === undefined ? `every ${everyMs} ms` : `${cron} ${timeZone}`;
}

function firingText(firing: FiringView): string {
  return firing.runId ?? `${firing.outcome}: ${firing.reason ?? ""}`;
}

import type { Command } from "commander";

import { messageOf, parseJson, type Json } from "../../../../config/index.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { type InputFlags, readInput } from "../../common/document.ts";
import { EXIT, wrongUse } from "../../common/failure.ts";
import { collect, versionOf, wholeNumber } from "../../common/options.ts";
import { table } from "../../common/output.ts";
import { withSession } from "../../common/session.ts";

export function addEvents(program: Command, cli: Cli): void {
  program
    .command("events")
    .description("say that something happened")
    .command("emit")
    .argument("<name>")
    .description("emit an event: all triggers of this name hear it")
    .option("--data <json>", "what the runs get as input.event.data")
    .option("--key <text>", "the same key within a day is the same event")
    .option("--tenant <name>", "whose triggers and runs hear it")
    .action(
      cli.action((command, name) => {
        const flags = command.optsWithGlobals<
          GlobalOptions & {
            readonly data?: string;
            readonly key?: string;
            readonly tenant?: string;
          }
        >();
        const data = asJson(flags.data);
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const { key, tenant } = flags;
          const emitted = await tutti.events.emit(name, data, {
            actor,
            ...(key === undefined ? {} : { key }),
            ...(tenant === undefined ? {} : { tenant }),
          });
          const { duplicate, triggers, runs } = emitted;
          const heard = [...triggers, ...runs.map((id) => `run ${id}`)].join(", ") || "nobody";
          cli.print(flags.output, emitted, () =>
            duplicate ? "was emitted before" : `heard by ${heard}`,
          );
          return EXIT.completed;
        });
      }),
    );
}

export function addTriggers(program: Command, cli: Cli): void {
  const triggers = program
    .command("triggers")
    .description("start registered workflows when events are emitted");
  addAdd(triggers, cli);
  addList(triggers, cli);
  triggers
    .command("remove")
    .argument("<id>")
    .description("remove a trigger; its runs go on")
    .action(
      cli.action((command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          await tutti.triggers.remove(id);
          cli.print(flags.output, { id, removed: true }, () => `${id} removed`);
          return EXIT.completed;
        });
      }),
    );
}

interface AddFlags extends GlobalOptions, InputFlags {
  readonly event: string;
  readonly workflow: string;
  readonly debounceMs?: number;
  readonly tenant?: string;
}

function addAdd(triggers: Command, cli: Cli): void {
  triggers
    .command("add")
    .argument("<id>", "the same id again replaces the trigger")
    .description("start a workflow at every event of a name, which it gets as input.event")
    .requiredOption("--event <name>", "name of the events")
    .requiredOption("--workflow <id>", "registered workflow; id@hash for one version of it")
    .option("--input <key=value|@file>", "more input of the runs; may be repeated", collect, [])
    .option("--input-json <json>", "more input of the runs as JSON")
    .option("--debounce-ms <ms>", "events within this time make one run", wholeNumber)
    .option("--tenant <name>", "whom the runs belong to")
    .action(
      cli.action(async (command, id) => {
        const flags = command.optsWithGlobals<AddFlags>();
        const { event, debounceMs, tenant } = flags;
        const input = await readInput(cli, flags);
        const { id: workflowId, ...version } = versionOf(flags.workflow);
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const added = await tutti.triggers.add({
            id,
            event,
            workflowId,
            input,
            actor,
            ...version,
            ...(debounceMs === undefined ? {} : { debounceMs }),
            ...(tenant === undefined ? {} : { tenant }),
          });
          cli.print(flags.output, added, () => `${id} ${added.created ? "added" : "replaced"}`);
          return EXIT.completed;
        });
      }),
    );
}

function addList(triggers: Command, cli: Cli): void {
  triggers
    .command("list")
    .description("list triggers")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const found = await tutti.triggers.list();
          cli.print(flags.output, found, () =>
            table(
              ["TRIGGER", "EVENT", "WORKFLOW", "DEBOUNCE", "STARTED", "FAILED", "LAST"],
              found.map((one) => [
                one.id,
                one.event,
                one.workflowId,
                `${one.debounceMs} ms`,
                String(one.counts.started),
                String(one.counts.failed),
                one.last?.runId ?? one.last?.reason ?? "none",
              ]),
            ),
          );
          return EXIT.completed;
        });
      }),
    );
}

function asJson(text: string | undefined): Json {
  if (text === undefined) return null;
  try {
    return parseJson(text, "request_invalid");
  } catch (thrown) {
    throw wrongUse(`expected --data to be JSON, got: ${text.slice(0, 80)} (${messageOf(thrown)})`);
  }
}

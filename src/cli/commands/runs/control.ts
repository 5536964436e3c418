import type { Command } from "commander";

import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { type InputFlags, readEdits, readInput, readValue } from "../../common/document.ts";
import { EXIT, wrongUse } from "../../common/failure.ts";
import { collect } from "../../common/options.ts";
import { withSession } from "../../common/session.ts";

export function addPause(runs: Command, cli: Cli): void {
  runs
    .command("pause")
    .argument("<run-id>")
    .description("hold a run: no step of it begins, its time stands still")
    .action(
      cli.action((command, runId) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const { state } = await tutti.pause(runId, { actor });
          cli.print(flags.output, { runId, state }, () => `${runId} ${state}`);
          return EXIT.completed;
        });
      }),
    );
}

interface ResumeFlags extends GlobalOptions, InputFlags {
  readonly step: readonly string[];
  readonly from: readonly string[];
  readonly with: readonly string[];
}

export function addResume(runs: Command, cli: Cli): void {
  runs
    .command("resume")
    .argument("<run-id>")
    .description("let a paused run go on, or do what failed of one that has ended again")
    .option("--step <id>", "only this failed step; may be repeated", collect, [])
    .option("--from <id>", "this step, whatever became of it; may be repeated", collect, [])
    .option("--input <key=value|@file>", "new input of the run; may be repeated", collect, [])
    .option("--input-json <json>", "new input of the run as JSON")
    .option("--with <step=json|step=@file>", "new input of a step; may be repeated", collect, [])
    .addHelpText(
      "after",
      "\nWhat depends on a step that is done again is done again too; every other result is kept.\nA new input replaces the whole old one. Follow the run with: tutti runs watch RUN",
    )
    .action(
      cli.action(async (command, runId) => {
        const flags = command.optsWithGlobals<ResumeFlags>();
        const [input, edits] = await Promise.all([
          readInput(cli, flags),
          readEdits(cli, flags.with),
        ]);
        const { step, from } = flags;
        const given = (flags.input ?? []).length > 0 || flags.inputJson !== undefined;
        return withSession(cli, flags, async ({ tutti, actor }) => {
          const resumed = await tutti.resume(runId, {
            ...(step.length === 0 ? {} : { steps: [...step] }),
            ...(from.length === 0 ? {} : { from: [...from] }),
            ...(given ? { input } : {}),
            ...(flags.with.length === 0 ? {} : { with: edits }),
            actor,
          });
          cli.print(flags.output, { runId, ...resumed }, () => {
            const { state, steps } = resumed;
            return steps.length === 0
              ? `${runId} ${state}`
              : `${runId} ${state}; again: ${steps.join(", ")}`;
          });
          return EXIT.completed;
        });
      }),
    );
}

interface DataFlags extends GlobalOptions {
  readonly data?: string;
}

export function addDecision(
  runs: Command,
  cli: Cli,
  name: "approve" | "reject",
  description: string,
): void {
  runs
    .command(name)
    .argument("<run-id>")
    .argument("<step>")
    .description(description)
    .option("--data <value|@file>", "goes with the decision; JSON, or else text")
    .action(
      cli.action(async (command, runId, step) => {
        const flags = command.optsWithGlobals<DataFlags>();
        const data = flags.data === undefined ? {} : { data: await readValue(cli, flags.data) };
        return withSession(cli, flags, async ({ tutti, actor: by }) => {
          const decided = await tutti[name](runId, step, { by, ...data });
          const before = decided.first ? "" : `, at ${decided.at} already`;
          cli.print(
            flags.output,
            { runId, ...decided },
            () => `${step} ${decided.decision} by ${decided.by}${before}`,
          );
          return EXIT.completed;
        });
      }),
    );
}

export function addSignal(runs: Command, cli: Cli): void {
  runs
    .command("signal")
    .argument("<run-id>")
    .argument("<event>")
    .description("hand an event to the steps of a run that wait for it, or will")
    .option("--data <value|@file>", "output of the steps; JSON, or else text")
    .action(
      cli.action(async (command, runId, event) => {
        const flags = command.optsWithGlobals<DataFlags>();
        const data = flags.data === undefined ? null : await readValue(cli, flags.data);
        return withSession(cli, flags, async ({ tutti, actor: by }) => {
          const { steps } = await tutti.signal(runId, event, data, { by });
          cli.print(
            flags.output,
            { runId, event, steps },
            () => `${event} reached ${steps.join(", ")}`,
          );
          return EXIT.completed;
        });
      }),
    );
}

export function addPriority(runs: Command, cli: Cli): void {
  runs
    .command("priority")
    .argument("<run-id>")
    .argument("<priority>", "1 to 10, 10 the most urgent")
    .description("make a run more or less urgent")
    .action(
      cli.action((command, runId, text) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        if (!/^([1-9]|10)$/.test(text))
          throw wrongUse(`expected a priority from 1 to 10, got: ${text}`);
        return withSession(cli, flags, async ({ tutti }) => {
          const { state, priority } = await tutti.setPriority(runId, Number(text));
          cli.print(
            flags.output,
            { runId, state, priority },
            () => `${runId} ${state}, priority ${priority}`,
          );
          return EXIT.completed;
        });
      }),
    );
}

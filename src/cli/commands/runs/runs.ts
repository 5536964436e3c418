import { type Command, Option } from "commander";

import { RUN_STATES } from "../../../../queues/client.ts";
import { type RunState } from "../../../../queues/index.ts";
import type { RunEvent } from "../../../runs/view/watch.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { EXIT } from "../../common/failure.ts";
import { wholeNumber } from "../../common/options.ts";
import { elapsed, table } from "../../common/output.ts";
import { compensationText, runText, stepsText, takeOverText } from "../../common/run-text.ts";
import { withSession } from "../../common/session.ts";
import { addAnalyze } from "./analyze.ts";
import { addDecision, addPause, addPriority, addResume, addSignal } from "./control.ts";

export function addRuns(program: Command, cli: Cli): void {
  const runs = program
    .command("runs")
    .description("list, read and watch runs, stop them and let them go on, decide");
  addList(runs, cli);
  addGet(runs, cli);
  addAnalyze(runs, cli);
  addWatch(runs, cli);
  addCancel(runs, cli);
  addPause(runs, cli);
  addResume(runs, cli);
  addDecision(runs, cli, "approve", "approve a step that waits for it, or will");
  addDecision(runs, cli, "reject", "reject a step that waits for approval; it fails");
  addSignal(runs, cli);
  addPriority(runs, cli);
}

function addList(runs: Command, cli: Cli): void {
  runs
    .command("list")
    .description("list runs, newest first")
    .option("--limit <count>", "runs to show", wholeNumber, 20)
    .addOption(new Option("--state <state>", "only runs in this state").choices(RUN_STATES))
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<
          GlobalOptions & { readonly limit: number; readonly state?: RunState }
        >();
        return withSession(cli, flags, async ({ tutti }) => {
          const { limit, state } = flags;
          const found = await tutti.list({ limit, ...(state === undefined ? {} : { state }) });
          cli.print(flags.output, found, () =>
            table(
              ["RUN", "WORKFLOW", "STATE", "SUBMITTED", "TIME"],
              found.map((run) => [
                run.runId,
                run.workflow.id,
                run.state,
                run.submittedAt,
                elapsed(run.submittedAt, run.finishedAt),
              ]),
            ),
          );
          return EXIT.completed;
        });
      }),
    );
}

function addGet(runs: Command, cli: Cli): void {
  runs
    .command("get")
    .argument("<run-id>")
    .description("show a run with its steps")
    .action(
      cli.action((command, runId) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const run = await tutti.get(runId, { outputs: true });
          cli.print(flags.output, run, () => `${runText(run)}\n\n${stepsText(run)}`);
          return EXIT.completed;
        });
      }),
    );
}

function addWatch(runs: Command, cli: Cli): void {
  runs
    .command("watch")
    .argument("<run-id>")
    .description("print what happens in a run until it ends; Ctrl-C stops watching, not the run")
    .action(
      cli.action((command, runId) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          for await (const event of tutti.watch(runId, { signal: cli.signal })) {
            cli.print(flags.output, event, () => eventText(event));
          }
          cli.signal.throwIfAborted();
          const { state } = await tutti.get(runId, { outputs: false });
          return state === "completed" ? EXIT.completed : EXIT.failed;
        });
      }),
    );
}

function addCancel(runs: Command, cli: Cli): void {
  runs
    .command("cancel")
    .argument("<run-id>")
    .description("cancel a run; steps that have not started will not")
    .option("--reason <text>", "stands in the record of the run")
    .action(
      cli.action((command, runId) => {
        const flags = command.optsWithGlobals<GlobalOptions & { readonly reason?: string }>();
        return withSession(cli, flags, async ({ tutti }) => {
          const { reason } = flags;
          const { state } = await tutti.cancel(runId, reason === undefined ? {} : { reason });
          cli.print(flags.output, { runId, state }, () => `${runId} ${state}`);
          return EXIT.completed;
        });
      }),
    );
}

function eventText(event: RunEvent): string {
  switch (event.type) {
    case "snapshot":
      return [
        `${event.run.runId} ${event.run.state}`,
        stepsText(event.run),
        ...(event.run.compensation ?? []).map(compensationText),
      ].join("\n");
    case "step": {
      const taken = event.step.takeOvers?.at(-1);
      const why =
        event.step.error?.message ??
        event.step.reason ??
        (taken === undefined ? "" : takeOverText(taken));
      const time = elapsed(event.step.startedAt, event.step.finishedAt);
      return [event.stepId, event.step.state, time, why].filter((part) => part !== "").join("  ");
    }
    case "compensation":
      return compensationText(event.compensation);
    case "run":
      return `${event.runId} ${event.state}`;
  }
}

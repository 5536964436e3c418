import type { Command } from "commander";

import type { Cli, GlobalOptions } from "../../cli.ts";
import { type InputFlags, readInput, readSource } from "../../document.ts";
import { EXIT, wrongUse } from "../../failure.ts";
import { ensureWorkers, followRun } from "../../follow.ts";
import { collect } from "../../options.ts";
import { runResult, runText } from "../../run-text.ts";
import { withSession } from "../../session.ts";

interface RunFlags extends GlobalOptions, InputFlags {
  readonly runId?: string;
  readonly detach?: true;
  readonly waitTimeout?: string;
}

export function addRun(program: Command, cli: Cli): void {
  program
    .command("run")
    .argument("<file>", "workflow document, YAML or JSON; - reads standard input")
    .description("run a workflow and wait for its end")
    .option("--input <key=value|@file>", "input of the run; may be repeated", collect, [])
    .option("--input-json <json>", "input of the run as JSON")
    .option("--run-id <id>", "id of the run; the same id twice is the same run")
    .option("--detach", "print the run's id and leave; needs a worker elsewhere")
    .option("--wait-timeout <seconds>", "stop waiting after this time; the run goes on")
    .addHelpText(
      "after",
      "\nCtrl-C cancels the run and waits for its end, a second one leaves at once.\nExit codes: 0 completed, 1 any other end, 2 wrong use or invalid, 3 Redis unreachable, 130 interrupted.",
    )
    .action(
      cli.action(async (command, path) => {
        const flags = command.optsWithGlobals<RunFlags>();
        const timeoutMs = waitMs(flags.waitTimeout);
        const [source, input] = await Promise.all([readSource(cli, path), readInput(cli, flags)]);
        return withSession(cli, flags, async (session) => {
          const plan = session.tutti.prepare(source.text, { file: source.file });
          const { actor } = session;
          const options = {
            input,
            actor,
            ...(flags.runId === undefined ? {} : { runId: flags.runId }),
          };
          if (flags.detach === true) {
            const submitted = await session.tutti.submit(plan, options);
            cli.print(flags.output, submitted, () => submitted.runId);
            return EXIT.completed;
          }
          await ensureWorkers(cli, session, new Set(plan.steps.map((step) => step.tool)));
          cli.signal.throwIfAborted();
          const { runId } = await session.tutti.submit(plan, options);
          const { run, exitCode } = await followRun(cli, session, runId, timeoutMs);
          cli.print(flags.output, runResult(run), () => runText(run));
          return exitCode;
        });
      }),
    );
}

function waitMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  // 2^31 ms is the longest that a timer holds.
  if (!(seconds > 0 && seconds < 2_147_483)) {
    throw wrongUse(`expected --wait-timeout to be a number of seconds above 0, got: ${text}`);
  }
  return Math.ceil(seconds * 1_000);
}

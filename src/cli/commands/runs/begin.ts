import type { Command } from "commander";

import type { Submitted } from "../../../../queues/client.ts";
import { newRunId, type RunOptions } from "../../../runs/control/run-options.ts";
import { again } from "../../common/again.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { type InputFlags, readInput } from "../../common/document.ts";
import { EXIT, wrongUse } from "../../common/failure.ts";
import { ensureWorkers, followRun } from "../../common/follow.ts";
import { collect } from "../../common/options.ts";
import { runResult, runText } from "../../common/run-text.ts";
import type { Session } from "../../common/session.ts";

/** The options of every command that begins a run. */
export interface BeginFlags extends GlobalOptions, InputFlags {
  readonly runId?: string;
  readonly key?: string;
  readonly detach?: true;
  readonly waitTimeout?: string;
}

/** Gives a command the options of {@link BeginFlags}. */
export function withBeginOptions(command: Command): Command {
  return command
    .option("--input <key=value|@file>", "input of the run; may be repeated", collect, [])
    .option("--input-json <json>", "input of the run as JSON")
    .option("--run-id <id>", "id of the run; the same id twice is the same run")
    .option("--key <text>", "makes the command repeatable: the same key is the same run")
    .option("--detach", "print the run's id and leave; needs a worker elsewhere")
    .option("--wait-timeout <seconds>", "stop waiting after this time; the run goes on")
    .addHelpText(
      "after",
      "\nCtrl-C cancels the run and waits for its end, a second one leaves at once.\nExit codes: 0 completed, 1 any other end, 2 wrong use or invalid, 3 Redis unreachable, 130 interrupted.",
    );
}

/** What the options say about the run. */
export async function runOptionsOf(
  cli: Cli,
  flags: BeginFlags,
): Promise<{ readonly options: RunOptions; readonly timeoutMs: number | undefined }> {
  const { key } = flags;
  // Chosen here, so that a submission that has to be repeated is the same run.
  const runId = flags.runId ?? (key === undefined ? newRunId() : undefined);
  const timeoutMs = waitMs(flags.waitTimeout);
  const input = await readInput(cli, flags);
  const options = {
    input,
    ...(runId === undefined ? {} : { runId }),
    ...(key === undefined ? {} : { key }),
  };
  return { options, timeoutMs };
}

/** Begins a run and follows it to its end, unless it is detached. Returns the exit code. */
export async function beginRun(
  cli: Cli,
  session: Session,
  flags: BeginFlags,
  run: {
    readonly submit: () => Promise<Submitted>;
    readonly timeoutMs: number | undefined;
  },
): Promise<number> {
  if (flags.detach === true) {
    const { runId, created } = await again(cli, run.submit);
    cli.print(flags.output, { runId, created }, () => runId);
    return EXIT.completed;
  }
  cli.signal.throwIfAborted();
  // What cannot be accepted is refused before anything is started.
  const submitted = await again(cli, run.submit);
  await ensureWorkers(cli, session, submitted);
  const followed = await followRun(cli, session, submitted.runId, run.timeoutMs);
  cli.print(flags.output, runResult(followed.run), () => runText(followed.run));
  return followed.exitCode;
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

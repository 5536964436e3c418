import type { Submitted } from "../../../../queues/client.ts";
import { wrongUse } from "../../../operations/command/values.ts";
import { flag, inputWords, word, type Given } from "../../../operations/command/words.ts";
import { runResult, runText } from "../../../operations/text/run-text.ts";
import { newRunId, type RunOptions } from "../../../runs/control/run-options.ts";
import { again } from "../../console/again.ts";
import type { Cli, GlobalOptions } from "../../console/cli.ts";
import { readInput } from "../../console/document.ts";
import { EXIT } from "../../console/exit.ts";
import { ensureWorkers, followRun } from "../../console/follow.ts";
import type { Session } from "../../console/session.ts";

/** The options of every command that begins a run. */
export const beginWords = {
  ...inputWords("the run"),
  runId: word("--run-id <id>", "id of the run; the same id twice is the same run"),
  key: word("--key <text>", "makes the command repeatable: the same key is the same run"),
  detach: flag("--detach", "print the run's id and leave; needs a worker elsewhere"),
  waitTimeout: word("--wait-timeout <seconds>", "stop waiting after this time; the run goes on"),
};

export const BEGIN_HELP =
  "Ctrl-C cancels the run and waits for its end, a second one leaves at once.\nExit codes: 0 completed, 1 any other end, 2 wrong use or invalid, 3 Redis unreachable, 130 interrupted.";

/** What the options say about the run. */
export async function runOptionsOf(
  cli: Cli,
  given: Given<typeof beginWords>,
): Promise<{ readonly options: RunOptions; readonly timeoutMs: number | undefined }> {
  const { key } = given;
  // Chosen here, so that a submission that has to be repeated is the same run.
  const runId = given.runId ?? (key === undefined ? newRunId() : undefined);
  const timeoutMs = waitMs(given.waitTimeout);
  return { options: { input: await readInput(cli, given), runId, key }, timeoutMs };
}

/** Begins a run and follows it to its end, unless it is detached. Returns the exit code. */
export async function beginRun(
  cli: Cli,
  session: Session,
  flags: GlobalOptions,
  run: {
    readonly isDetached: boolean;
    readonly submit: () => Promise<Submitted>;
    readonly timeoutMs: number | undefined;
  },
): Promise<number> {
  if (run.isDetached) {
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

import type { Submitted } from "../../../queues/client.ts";
import type { RunView } from "../../runs/view/run-view.ts";
import { again } from "./again.ts";
import type { Cli } from "./cli.ts";
import { EXIT } from "./exit.ts";
import { Progress } from "./progress.ts";
import type { Session } from "./session.ts";

/** How following a run ended. */
export interface Followed {
  readonly run: RunView;
  readonly exitCode: number;
}

/**
 * Shows a run's progress until it ends. The first Ctrl-C cancels the run and goes on waiting for it
 * to end; main.ts leaves at the second.
 *
 * @param timeoutMs gives up waiting, not the run. Milliseconds. Default: never.
 */
export async function followRun(
  cli: Cli,
  { tutti }: Session,
  runId: string,
  timeoutMs?: number,
): Promise<Followed> {
  const progress = new Progress(cli.io.stderr, cli.colors);
  const late = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  let cancelling: Promise<unknown> | undefined;
  const cancel = () => {
    cli.say(`cancelling run ${runId}; press Ctrl-C again to leave at once`);
    cancelling = tutti.cancel(runId, { reason: "interrupted" });
    // Awaited below; until then a failure must not end the process.
    cancelling.catch(() => {});
  };
  if (cli.signal.aborted) cancel();
  cli.signal.addEventListener("abort", cancel, { once: true });
  try {
    const options = late === undefined ? {} : { signal: late };
    for await (const event of tutti.watch(runId, options)) progress.show(event);
  } catch (thrown) {
    if (late?.aborted !== true) throw thrown;
  } finally {
    progress.end();
    cli.signal.removeEventListener("abort", cancel);
  }
  await cancelling;
  const run = await tutti.get(runId, { outputs: true });
  if (cli.signal.aborted) return { run, exitCode: EXIT.interrupted };
  if (run.finishedAt === null) {
    cli.say(`run ${runId} is still ${run.state}; follow it with: tutti runs watch ${runId}`);
    cli.say("steps that run in this process may finish before it ends");
  }
  return { run, exitCode: run.state === "completed" ? EXIT.completed : EXIT.failed };
}

/**
 * Lets a run that was accepted find workers. Starts one here for the tools that no live worker serves, as far as it
 * can call them; it takes no step of any other tool, whose functions the live ones may have of their own. When that
 * fails, a run that was made here is cancelled: nobody would follow it.
 */
export async function ensureWorkers(cli: Cli, session: Session, run: Submitted): Promise<void> {
  try {
    await startMissing(cli, session, run.runId);
  } catch (thrown) {
    const reason = "no worker could be started";
    if (run.created) await session.tutti.cancel(run.runId, { reason }).catch(() => {});
    throw thrown;
  }
}

async function startMissing(cli: Cli, session: Session, runId: string): Promise<void> {
  const { tutti } = session;
  const [run, workers, needed] = await again(cli, () =>
    Promise.all([tutti.get(runId), tutti.workers(), tutti.toolsOf(runId)]),
  );
  if (run.finishedAt !== null) return;
  const served = new Set(workers.flatMap((worker) => worker.tools));
  const missing = needed.filter((tool) => !served.has(tool));
  const here = missing.filter((tool) => session.canServe(tool));
  const nowhere = missing.filter((tool) => !session.canServe(tool));
  const say = (text: string) => cli.say(cli.colors.dim(text));
  if (nowhere.length > 0)
    say(`no live worker serves ${nowhere.join(", ")}, nor can this process: steps wait for one`);
  // Any worker runs what calls no tool.
  if (here.length === 0 && workers.length > 0) return;
  const { id } = await session.startWorker(here);
  const lack =
    here.length === 0 ? "no worker is alive" : `no live worker serves ${here.join(", ")}`;
  say(`${lack}: started ${id} here`);
}

import type { RunView } from "../run-view.ts";
import type { Cli } from "./cli.ts";
import { EXIT } from "./failure.ts";
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

/** Starts a worker here when the live ones do not serve every tool of the plan. */
export async function ensureWorkers(
  cli: Cli,
  session: Session,
  tools: ReadonlySet<string>,
): Promise<void> {
  const workers = await session.tutti.workers();
  const served = new Set(workers.flatMap((worker) => worker.tools));
  const missing = [...tools].filter((tool) => !served.has(tool));
  if (missing.length === 0) return;
  const { id } = await session.startWorker();
  cli.say(cli.colors.dim(`no live worker serves ${missing.join(", ")}: started ${id} here`));
}

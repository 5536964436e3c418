import { TuttiError } from "../../config/index.ts";
import { type RunEvents } from "../../queues/client.ts";
import { type StepRecord } from "../../queues/index.ts";
import { type RunReader } from "./run-reader.ts";
import { RunWatch, type RunEvent } from "./view/watch.ts";

/** What happens to a run, as it happens. */
export function watchRun(
  events: RunEvents,
  reader: Pick<RunReader, "view" | "takeOvers" | "definition">,
  runId: string,
  signal: AbortSignal | undefined,
): AsyncIterable<RunEvent> {
  const read = {
    run: () => reader.view(runId, false),
    takeOvers: (shown: string, record: StepRecord, undo: boolean) =>
      reader.takeOvers(runId, shown, record, undo),
    undoTool: async (shown: string) => {
      const { steps } = await reader.definition(runId);
      return steps[shown.replace(/\[\d+\]$/, "")]?.compensate?.tool;
    },
  };
  return new RunWatch(events, runId, read, signal);
}

/**
 * Waits for the end of a run that is watched.
 *
 * @throws TuttiError `timed_out` after `timeoutMs`; what `signal` was aborted with.
 */
export async function untilItEnds(
  watch: (signal: AbortSignal | undefined) => AsyncIterable<RunEvent>,
  runId: string,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<void> {
  const { timeoutMs } = options;
  const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signals = [limit, options.signal].filter((signal) => signal !== undefined);
  const signal = signals.length > 0 ? AbortSignal.any(signals) : undefined;
  for await (const event of watch(signal)) void event;
  options.signal?.throwIfAborted();
  if (limit?.aborted === true) {
    throw new TuttiError(
      "timed_out",
      `run ${runId} has not ended within ${timeoutMs} ms; it goes on`,
    );
  }
}

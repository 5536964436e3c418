import { setTimeout as pause } from "node:timers/promises";

import { given } from "../../../config/index.ts";
import {
  FIELDS,
  parseStepRecord,
  Presence,
  silenceText,
  takeOversOf,
  type StepRecord,
  type TakeOver,
} from "../../../queues/index.ts";
import type { CancelSource } from "../../cancellation.ts";
import type { Candidate } from "../pipeline/candidate.ts";

/** How often it is looked whether the result has come. Milliseconds. */
const LOOK_MS = 250;

/** What became of a call that must not be made again, and whose worker lost its hold on it. */
export interface LateResult {
  /** As it stands now; still running: the end of the call is not known. */
  readonly record: StepRecord;
  /** What is known of that worker. */
  readonly known: string;
}

/**
 * Waits for the result of the only call there will be: as long as its worker counts as alive, and else for the
 * duration of a lock after the take-over; never longer than a call may take. A worker that was frozen and is back
 * writes its result as if nothing had been; one that is dead, which nobody can tell from a frozen one, costs this wait.
 */
export async function lateResult(
  { engine, address }: Candidate,
  signal: CancelSource,
  timeoutMs: number,
): Promise<LateResult> {
  const { ledger, presence, lateResultMs } = engine;
  const { runId, stepId, item, undo } = address;
  const field = FIELDS.record(stepId, item, undo);
  const beganAt = performance.now();
  let taken: TakeOver | undefined;
  for (;;) {
    const [text, takeOvers] = await ledger.read(runId, [field, FIELDS.takeOvers]);
    const record = parseStepRecord(text);
    const of = {
      stepId,
      ...given({ item }),
      ...(undo === true ? { undo } : {}),
    };
    taken ??= takeOversOf(takeOvers, { ...of, sinceMs: record.startedAtMs }).at(-1);
    const known =
      taken === undefined ? "its worker is not known" : silenceText(taken.worker, taken.silentMs);
    if (record.state !== "running") return { record, known };
    const silentMs = taken === undefined ? null : await presence.silentMs(taken.worker);
    const waitedMs = performance.now() - beganAt;
    const comes = Presence.isAlive(silentMs) || (silentMs !== null && waitedMs < lateResultMs);
    if (!comes || waitedMs >= timeoutMs || signal.aborted) return { record, known };
    await pause(LOOK_MS);
  }
}

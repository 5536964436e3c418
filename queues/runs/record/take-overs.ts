import { iso, readJson } from "../../../config/index.ts";
import { partName } from "./part-names.ts";

/** A call that another start took over because its worker had lost its hold on the job. */
export interface TakeOver {
  /** ISO 8601 with milliseconds. */
  readonly at: string;
  /** The attempt that was underway. */
  readonly attempt: number;
  /** The worker process that made the call. */
  readonly worker: string;
  /** How long the worker had been silent; null: it had left, or for more than an hour. Milliseconds. */
  readonly silentMs: number | null;
}

/** A take-over as the ledger's script stores it. */
interface Stored extends Omit<TakeOver, "at" | "silentMs"> {
  readonly slot: string;
  readonly atMs: number;
  readonly silentMs?: number;
}

/** The take-overs of one step, item or compensation since it began. The text is the record's field. */
export function takeOversOf(
  text: string | null | undefined,
  of: {
    readonly stepId: string;
    readonly item?: number;
    readonly undo?: boolean;
    readonly sinceMs: number | null;
  },
): readonly TakeOver[] {
  if (!text) return [];
  const name = partName(of.stepId, of.item, of.undo);
  return readJson<Stored[]>(text)
    .filter((one) => one.slot === name && one.atMs >= (of.sinceMs ?? Infinity))
    .map(({ atMs, attempt, worker, silentMs = null }) => ({
      at: iso(atMs),
      attempt,
      worker,
      silentMs,
    }));
}

/** Describes a worker that lost a job. It never says that the worker is dead. */
export function silenceText(worker: string, silentMs: number | null): string {
  if (silentMs === null) return `worker ${worker} had left, or was not heard of for an hour`;
  return `worker ${worker} was not heard of for ${(silentMs / 1_000).toFixed(1)} s`;
}

import { shownAs, partOf } from "../../../queues/client.ts";
import { MACHINE_UNITS } from "../../../queues/index.ts";

/** The run and the step of a job. */
export function stepOfJob(job: string): { readonly runId: string; readonly step: string } | null {
  const [, runId, , ...slot] = job.split(".");
  if (runId === undefined || slot.length === 0) return null;
  const { stepId, item } = partOf(slot.join("."));
  return { runId, step: shownAs(stepId, item) };
}

/** Millionths of a machine as a share of 1. */
export function shareOf(units: number): number {
  return Math.round((units / MACHINE_UNITS) * 10_000) / 10_000;
}

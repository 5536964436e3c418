import { readJson } from "../../../config/index.ts";
import { listed, shownAs, slotOf, type BudgetTake, type Shown } from "../../../queues/client.ts";
import { MACHINE_UNITS } from "../../../queues/index.ts";

/** A mean over fewer calls says too little to reckon with. */
const MIN_CALLS = 5;

/** A permit that is out. */
export interface Permit {
  readonly id: string;
  readonly tool: string;
  readonly machine: string;
  readonly process: string;
  readonly upstream: string;
  /** Millionths of the machine. */
  readonly needs: Readonly<Record<string, number>>;
  readonly budgets: readonly BudgetTake[];
  readonly sinceMs: number;
  /** The job that runs with it; null while it was only offered. */
  readonly job: string | null;
  /** It tries whether the tool is back. */
  readonly probe: boolean;
}

interface StoredPermit {
  readonly t: string;
  readonly m: string;
  readonly p: string;
  readonly u: string;
  readonly n: Readonly<Record<string, number>>;
  readonly b: readonly BudgetTake[] | Readonly<Record<string, never>>;
  readonly s: number;
  readonly j?: string;
  readonly o?: number;
  readonly x?: number;
}

/**
 * The permits, the oldest first, each with the job that runs with it. A permit is given for the job that
 * is next at that moment; when two are given at once, one of them takes the job behind it. So those whose
 * job another one has already get the jobs that run and have none.
 */
export function permitsOf(shown: Shown): Permit[] {
  const stored = Object.entries(shown.permits)
    .map(([id, text]) => ({ id, ...readJson<StoredPermit>(text) }))
    .toSorted((a, b) => Number(a.id) - Number(b.id));
  const free = new Map(
    Object.entries(shown.active).map(([tool, jobs]) => [tool, new Set(listed(jobs))]),
  );
  const jobs = new Map<string, string>();
  for (const { id, t, j, o } of stored)
    if (j !== undefined && o === undefined && free.get(t)?.delete(j) === true) jobs.set(id, j);
  for (const { id, t, o } of stored) {
    // BullMQ puts the job that was taken last in front.
    const rest = [...(free.get(t) ?? [])];
    const job = o === undefined && !jobs.has(id) ? rest.at(-1) : undefined;
    if (job === undefined) continue;
    free.get(t)?.delete(job);
    jobs.set(id, job);
  }
  return stored.map(({ id, t, m, p, u, n, b, s, x }) => ({
    id,
    tool: t,
    machine: m,
    process: p,
    upstream: u,
    needs: n,
    budgets: listed(b),
    sinceMs: s,
    job: jobs.get(id) ?? null,
    probe: x !== undefined,
  }));
}

/** The run and the step of a job. */
export function stepOfJob(job: string): { readonly runId: string; readonly step: string } | null {
  const [, runId, , ...slot] = job.split(".");
  if (runId === undefined || slot.length === 0) return null;
  const { stepId, item } = slotOf(slot.join("."));
  return { runId, step: shownAs(stepId, item) };
}

/** How long the calls of a tool take. */
export interface Service {
  readonly meanMs: number;
  readonly calls: number;
}

/** Null when too few calls have ended. */
export function serviceOf(text: string | false | undefined): Service | null {
  if (!text) return null;
  const [mean, calls] = text.split(" ").map(Number);
  return mean !== undefined && calls !== undefined && calls >= MIN_CALLS
    ? { meanMs: mean, calls }
    : null;
}

/** Millionths of a machine as a share of 1. */
export function shareOf(units: number): number {
  return Math.round((units / MACHINE_UNITS) * 10_000) / 10_000;
}

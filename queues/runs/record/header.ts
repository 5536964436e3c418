import type { Redis } from "ioredis";

import { DEFAULT_PRIORITY, DEFAULT_TARGET, readJson, type Target } from "../../../config/index.ts";
import { LAST_RANK } from "../../gate/scripts/ranks.ts";
import type { Identity, StepError } from "../../jobs.ts";
import type { ParentStep, RunHeader, RunState } from "./run-record.ts";

/** The fields of a record about the run as a whole. The definition has the name of its workflow. */
export type RecordHeader = Omit<RunHeader, "workflow"> & {
  readonly workflowId: string;
  readonly hash: string;
};

const HEADER = [
  "state",
  "def",
  "workflow",
  "identity",
  "epoch",
  "submittedAt",
  "startedAt",
  "finishedAt",
  "error",
  "unmet",
  "priority",
  "rank",
  "parent",
  "width",
  "target",
] as const;

/** Reads the header of a run and more fields of its record; null if there is nothing under the key. */
export async function readHeader(
  redis: Redis,
  key: string,
  runId: string,
  fields: readonly string[],
): Promise<{ readonly header: RecordHeader; readonly more: readonly (string | null)[] } | null> {
  const [
    state,
    hash,
    workflowId,
    identity,
    epoch,
    submittedAt,
    startedAt,
    finishedAt,
    error,
    unmet,
    priority,
    rank,
    parent,
    width,
    target,
    ...more
  ] = await redis.hmget(key, ...HEADER, ...fields);
  if (!state || !hash || !workflowId || !identity) return null;
  const header = {
    runId,
    workflowId,
    hash,
    ...readJson<Identity>(identity),
    epoch: Number(epoch),
    state: state as RunState,
    submittedAtMs: Number(submittedAt),
    startedAtMs: startedAt ? Number(startedAt) : null,
    finishedAtMs: finishedAt ? Number(finishedAt) : null,
    ...(error ? { error: readJson<StepError>(error) } : {}),
    ...(unmet ? { unmetCriteria: readJson<string[]>(unmet) } : {}),
    priority: Number(priority ?? DEFAULT_PRIORITY),
    target: (target as Target | null) ?? DEFAULT_TARGET,
    rank: rank ? Number(rank) : LAST_RANK,
    ...(parent ? { parent: readJson<ParentStep>(parent) } : {}),
    ...(width ? { width: Number(width) } : {}),
  };
  return { header, more };
}

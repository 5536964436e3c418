import type { Job } from "bullmq";

import type { StepJob } from "../../../queues/index.ts";
import type { Ending } from "../../../queues/worker.ts";
import type { Engine } from "../engine.ts";
import { beginQuietly, type Started } from "./begin.ts";
import { open, type Candidate } from "./candidate.ts";
import { GONE, leave, type Exit, type Finished } from "./exit.ts";
import { record } from "./record.ts";

/** What a step does that waits for others instead of calling a tool: for items, for another run, for somebody. */
export interface Kind {
  /** What it reads of the run's record when it begins. */
  fields(candidate: Candidate): readonly string[];
  /** Goes on with it: how it has ended, or how this start of its job ends. */
  advance(candidate: Candidate, started: Started): Promise<Ending | Exit>;
}

/** Where a stage leaves the course of its step. */
export const isExit = (next: object): next is Exit => "kind" in next;

/** The processor of a kind of step: begin -> advance -> record -> leave. */
export function processorOf(
  engine: Engine,
  kind: Kind,
): (job: Job<StepJob>, token?: string) => Promise<Finished> {
  return async (job, token) => {
    const candidate = await open(engine, job, token);
    return leave(job, token, candidate === null ? GONE : await pass(candidate, kind));
  };
}

async function pass(candidate: Candidate, kind: Kind): Promise<Exit> {
  const begun = await beginQuietly(candidate, kind.fields(candidate));
  return isExit(begun) ? begun : recorded(candidate, await kind.advance(candidate, begun));
}

/** Writes the ending, if that is what a stage has come to. */
export async function recorded(candidate: Candidate, next: Ending | Exit): Promise<Exit> {
  return isExit(next) ? next : record(candidate, next);
}
